import type { Answer } from './openapi.js';

/** When an answer was made, and for which request; how the cache and its Redis are, and what they have counted. */
const passing = new Set([
  ...['as_of', 'generated_at', 'request_id', 'timestamp'],
  ...['cache', 'redis', 'redis_stats'],
]);

/** Status and whole body of an answer, without what differs whenever one asks, whoever it is and whatever is kept. */
export function lastingText({ status, headers, text = '', body }: Answer): string {
  if ((headers['content-type'] ?? '').includes('json')) {
    return `${status} ${JSON.stringify(body, (name, value: unknown) => (passing.has(name) ? '…' : value))}`;
  }
  // Of metrics what they are: figures change, and some are there only once there is something to tell.
  return `${status} ${text.replace(/^\w+(\{.*\})? (NaN|[+-]?Inf|[\d.e+-]+)\n/gm, '')}`;
}

/** Where two texts begin to differ, with a little of what stands there in each. */
export function difference(one: string, other: string): string {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  const from = Math.max(0, at - 40);
  return `…${one.slice(from, from + 120)}… for …${other.slice(from, from + 120)}…`;
}
