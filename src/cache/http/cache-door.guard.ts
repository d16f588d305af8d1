import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { CacheRequest } from '../cache.options.js';
import { CacheEngine } from '../engine/cache-engine.js';
import { describe, JSON_TYPE } from './cache-headers.js';
import { leaveTicket } from './cache-ticket.js';
import { replyOf } from './reply.js';
import { RoutePlans } from './route-plans.js';

/** Never settles and keeps nothing alive: it forgets whoever waits. A shared pending promise would remember them all. */
const NEVER = { then: () => undefined } as unknown as Promise<boolean>;

/**
 * The last guard of every cached route. It answers a hit itself, with the stored bytes, so that no pipe, interceptor,
 * handler or serialiser runs; all other guards have had their say by then. On a miss it leaves a ticket for
 * {@link CacheLoader}.
 */
@Injectable()
export class CacheDoor implements CanActivate {
  constructor(
    private readonly engine: CacheEngine,
    private readonly plans: RoutePlans,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<CacheRequest>();
    const reply = replyOf(http.getResponse());
    const plan = this.plans.of(context.getClass(), context.getHandler());
    const subject = plan?.subject(request);
    if (!plan || !subject) {
      describe(reply, 'BYPASS');
      return true;
    }
    const budget = this.engine.newBudget();
    const found = await this.engine.lookup(subject, budget);
    if (found.state !== 'hit') {
      leaveTicket(request, { plan, subject, budget, state: found.state });
      return true;
    }
    plan.setStaticHeaders(reply);
    describe(reply, 'HIT');
    reply.setHeader('content-type', JSON_TYPE);
    reply.end(found.entry.body);
    return NEVER;
  }
}
