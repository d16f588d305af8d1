import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { CacheRequest } from '../cache.options.js';
import { CacheEngine } from '../engine/cache-engine.js';
import type { CacheEntry } from '../engine/cache-entry.js';
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
    const found = await this.engine.lookup(subject, budget);
    if (found.state !== 'hit') {
      leaveTicket(request, { plan, subject, budget, state: found.state });
      return true;
    }
    this.#answer(found.entry, plan, request, reply);
    return NEVER;
  }

  #answer(entry: CacheEntry, plan: RoutePlan, request: CacheRequest, reply: Reply): void {
    const ageMs = Math.max(0, this.engine.nowMs() - entry.storedAtMs);
    plan.setStaticHeaders(reply);
    describe(reply, 'HIT', `hit; ttl=${Math.max(0, Math.round((entry.ttlMs - ageMs) / 1000))}`);
    reply.setHeader('age', String(Math.floor(ageMs / 1000)));
    if (plan.vary) reply.setHeader('vary', plan.vary);
    if (entry.etag) reply.setHeader('etag', entry.etag);
    if (isHeld(request.headers['if-none-match'], entry.etag)) {
      reply.setStatus(304);
      reply.end(undefined);
      return;
    }
    reply.setHeader('content-type', JSON_TYPE);
    reply.end(entry.body);
  }
}
