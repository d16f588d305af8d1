import type { History } from './run-history.js';

/** Of the reads that are hits, and of the writes that go with the reads those that are acknowledged: fewer prove nothing. */
const MIN_SHARE = 0.2;

/** Whether enough was seen to judge by: without hits nothing can be kept too long, without acknowledged writes nothing be old. */
export function isEnough(
  { reads, writes, hits, routes }: Pick<History, 'reads' | 'writes' | 'hits' | 'routes'>,
  wanted: { readonly reads: number; readonly readsPerWrite: number },
): boolean {
  return (
    reads >= wanted.reads &&
    hits > MIN_SHARE * reads &&
    writes > (MIN_SHARE * reads) / wanted.readsPerWrite &&
    routes.every((route) => route.hits > 0)
  );
}
