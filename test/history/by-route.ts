import type { CheckedHistory, FindingKind } from './check-history.js';
import type { Operation } from './operation.js';
import { routeNames, type RouteName } from './routes.js';

/** What was seen of one route. */
export interface SeenRoute {
  readonly name: RouteName;
  /** Answered ones. */
  readonly reads: number;
  readonly hits: number;
  /** Also those within what is promised. */
  readonly findings: Readonly<Record<FindingKind, number>>;
}

export function byRoute(
  operations: Iterable<Operation>,
  { violations, tolerated }: Pick<CheckedHistory, 'violations' | 'tolerated'>,
): SeenRoute[] {
  const none = () => ({ reads: 0, hits: 0, findings: { stale: 0, order: 0, future: 0, crossing: 0 } });
  const seen = new Map(routeNames.map((name) => [name, { name, ...none() }]));
  for (const { route, cache, returnedUs } of operations) {
    const ofRoute = route && seen.get(route);
    if (!ofRoute || returnedUs === undefined) continue;
    ofRoute.reads++;
    if (cache === 'HIT') ofRoute.hits++;
  }
  for (const { kind, read } of [...violations, ...tolerated]) {
    const ofRoute = read.route && seen.get(read.route);
    if (ofRoute) ofRoute.findings[kind]++;
  }
  return [...seen.values()];
}
