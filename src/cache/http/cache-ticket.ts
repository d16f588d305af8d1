import type { CacheRequest } from '../cache.options.js';
import type { Budget } from '../engine/budget.js';
import type { Subject } from '../engine/subject.js';
import type { RoutePlan } from './route-plan.js';

/** What the door found out about a request that must be answered by its handler. */
export interface CacheTicket {
  readonly plan: RoutePlan;
  readonly subject: Subject;
  readonly budget: Budget;
  readonly state: 'miss' | 'bypass';
}

const TICKET = Symbol('cache ticket');

type Ticketed = CacheRequest & { [TICKET]?: CacheTicket | undefined };

export function leaveTicket(request: CacheRequest, ticket: CacheTicket): void {
  (request as Ticketed)[TICKET] = ticket;
}

/** Only the first to ask gets it: the loader may stand at several levels, the outermost does the work. */
export function takeTicket(request: CacheRequest): CacheTicket | undefined {
  const ticketed = request as Ticketed;
  const ticket = ticketed[TICKET];
  ticketed[TICKET] = undefined;
  return ticket;
}
