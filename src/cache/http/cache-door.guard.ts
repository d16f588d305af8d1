import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { CacheRequest } from '../cache.options.js';
import { CacheEngine } from '../engine/cache-engine.js';
import type { Found } from '../engine/subject.js';
import { describe, isHeld, JSON_TYPE } from './cache-headers.js';
import { leaveTicket } from './cache-ticket.js';
import { replyOf, type Reply } from './reply.js';
import type { RoutePlan } from './route-plan.js';
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
      describe(reply, 'BYPASS', 'fwd=bypass; detail=nobody-to-share-with');
      return true;
    }
    const budget = this.engine.newBudget();
    const looked = this.engine.peek(subject) ?? (await this.engine.lookup(subject, budget));
    if (looked.state !== 'hit') {
      const state = looked.state === 'bypass' ? 'bypass' : 'miss';
      leaveTicket(request, { plan, subject, budget, state });
      return true;
    }
    this.#answer(looked.found, plan, request, reply);
    return NEVER;
  }

  #answer({ entry, ageMs, freshForMs }: Found, plan: RoutePlan, request: CacheRequest, reply: Reply): void {
    const { etag } = entry.head;
    plan.setStaticHeaders(reply);
    describe(reply, 'HIT', `hit; ttl=${Math.round(freshForMs / 1000)}`);
    reply.setHeader('age', String(Math.floor(ageMs / 1000)));
    if (plan.vary) reply.setHeader('vary', plan.vary);
    if (etag) reply.setHeader('etag', etag);
    if (isHeld(request.headers['if-none-match'], etag)) {
      reply.setStatus(304);
      reply.end(undefined);
      return;
    }
    reply.setHeader('content-type', JSON_TYPE);
    reply.end(entry.body);
  }
}
