import type { CacheRequest } from '../definition/cache-request.js';
import type { Budget } from '../engine/budget.js';
import type { Lookup, Renewal } from '../engine/lookups.js';
import type { Subject } from '../engine/subject.js';
import type { Reply } from './reply.js';
import type { RoutePlan } from './route-plan.js';

/** What the door found out about a request for which the handler must run, now or behind the answer. */
export interface CacheTicket {
  readonly request: CacheRequest;
  readonly reply: Reply;
  readonly plan: RoutePlan;
  readonly subject: Subject;
  readonly lookup: Lookup | Renewal;
  /** What the request may still wait for the store; absent if the store was not asked. */
  readonly budget?: Budget;
}

const TICKET = Symbol('cache ticket');

type Ticketed = CacheRequest & { [TICKET]?: CacheTicket | undefined };

export function leaveTicket(ticket: CacheTicket): void {
  (ticket.request as Ticketed)[TICKET] = ticket;
}

/** Only the first to ask gets it: the loader may be an interceptor at several levels, and the outermost does the work. */
export function takeTicket(request: CacheRequest): CacheTicket | undefined {
  const ticketed = request as Ticketed;
  const ticket = ticketed[TICKET];
  if (ticket) ticketed[TICKET] = undefined;
  return ticket;
}
