// Not the global one: see `Turn`.
import { setImmediate } from 'node:timers';
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { defer, from, of, type Observable } from 'rxjs';
import type { CacheRequest } from '../definition/cache-request.js';
import { CacheEngine } from '../engine/cache-engine.js';
import type { CacheEntry, KeptAnswer } from '../engine/cache-entry.js';
import type { Factory, Loaded } from '../engine/factory.js';
import type { Hit } from '../engine/lookups.js';
import type { Subject } from '../engine/subject.js';
import { httpFailure } from './cache-failure.js';
import { takeTicket, type CacheTicket } from './cache-ticket.js';
import { HandlerRun, type Answer } from './handler-run.js';
import { isKeptException, revivedException } from './kept-exception.js';
import { StoredAnswer } from './stored-answer.js';

/** What the headers of an answer that is made now say, by what the door found: `X-Cache`, and the reason in `Cache-Status`. */
const outcomes = {
  miss: ['MISS', 'fwd=miss'],
  stale: ['MISS', 'fwd=stale'],
  renewal: ['MISS', 'fwd=request'],
  bypass: ['BYPASS', 'fwd=bypass; detail=store-away'],
  'switched-off': ['BYPASS', 'fwd=bypass; detail=disabled'],
} as const;

/**
 * The outermost interceptor of every cached route. On a miss it runs everything inside it once for all who wait,
 * serialises once, stores the bytes and sends those very bytes. A hit that is also to be refreshed or audited it answers at
 * once, and runs the rest behind the answer. Without a ticket from the door it does nothing.
 */
@Injectable()
export class CacheLoader implements NestInterceptor {
  constructor(private readonly engine: CacheEngine) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const [request] = context.getArgs<[CacheRequest]>();
    const ticket = takeTicket(request);
    if (!ticket) return next.handle();
    const { lookup } = ticket;
    if (lookup.state === 'hit') return defer(() => of(this.#answer(ticket, lookup, next)));
    const loading = this.#load(ticket, lookup, next);
    // If the client has gone, Nest never subscribes, and a failure that nobody handles would end the process.
    loading.catch(() => undefined);
    return from(loading);
  }

  /** Answers with the entry, and starts what is due behind the answer. @throws the exception, if that is what was kept */
  #answer(ticket: CacheTicket, { found, alsoStarts }: Hit, next: CallHandler): unknown {
    const { plan, reply, subject } = ticket;
    const run = new HandlerRun(ticket, next);
    run.detach();
    const factory = () => run.produce();
    if (alsoStarts === 'refresh') this.#refresh(subject, factory);
    if (alsoStarts === 'audit') this.engine.audit(subject, found.entry, factory);
    plan.headers.announceHit(reply, found);
    if (isKeptException(found.entry)) throw revivedException(found.entry);
    return give(ticket, found.entry);
  }

  /** Begins in the next turn of the event loop, so that the answer is out before the handler runs. */
  #refresh(subject: Subject, factory: Factory<Answer>): void {
    const begun = new Promise<void>((resolve) => {
      setImmediate(() => {
        this.engine.refresh(subject, factory);
        resolve();
      });
    });
    this.engine.background.add(begun);
  }

  async #load(
    ticket: CacheTicket,
    lookup: Exclude<CacheTicket['lookup'], { state: 'hit' }>,
    next: CallHandler,
  ): Promise<unknown> {
    const { plan, reply, subject, budget = this.engine.newBudget() } = ticket;
    const state = lookup.state === 'renewal' && lookup.isPastCache ? 'bypass' : lookup.state;
    const [outcome, forwarded] = outcomes[state];
    plan.headers.announce(reply, outcome, forwarded);
    // An expired 404 is no substitute for an answer.
    const stale = lookup.state === 'stale' && !isKeptException(lookup.found.entry) ? lookup.found : undefined;
    if (!stale && this.#takesItsOwnRun(subject, state)) {
      const admitted = plan.admit();
      if (admitted !== true) await admitted;
    }
    plan.headers.withdrawCacheControl(reply);
    const run = new HandlerRun(ticket, next);
    const { clock } = this.engine;
    const sinceMs = clock.monotonicMs();
    let loaded: Loaded<Answer>;
    try {
      const factory = () => run.produce();
      loaded =
        lookup.state === 'renewal'
          ? await this.engine.renew<Answer>(subject, budget, factory)
          : await this.engine.load<Answer>(subject, budget, factory, revive, stale);
    } catch (error) {
      run.abandon();
      plan.headers.announceUnkept(reply);
      throw httpFailure(error, reply);
    }
    if (stale && (loaded.how === 'stale' || loaded.how === 'paused')) {
      run.detach();
      const isForwarded = loaded.how === 'stale';
      plan.headers.announceStale(reply, stale, clock.monotonicMs() - sinceMs, isForwarded);
      return give(ticket, stale.entry);
    }
    return giveNew(ticket, loaded, outcome, forwarded);
  }

  /** Whether admission is asked: joining a run costs nothing, and while the store is away the bulkhead decides. */
  #takesItsOwnRun(subject: Subject, state: keyof typeof outcomes): boolean {
    if (state === 'bypass') return false;
    return state === 'renewal' || !this.engine.isUnderWay(subject);
  }
}

function revive(entry: CacheEntry): Answer {
  return isKeptException(entry) ? { thrown: revivedException(entry) } : entry;
}

/** Why an answer was not stored, where the reason does not lie in the answer; `undefined`: it was stored. */
const AS_GOOD_AS_STORED: ReadonlySet<Loaded<Answer>['notStoredBecause']> = new Set([
  undefined,
  'tags-unknown',
  'store-away',
  'switched-off',
]);

/** Answers with what a run gave; the headers say what became of it. @throws the exception, if that is what it gave */
function giveNew(
  ticket: CacheTicket,
  loaded: Loaded<Answer>,
  outcome: 'MISS' | 'BYPASS',
  forwarded: string,
): unknown {
  const { plan, reply } = ticket;
  const { value, notStoredBecause } = loaded;
  const told = [forwarded, ...details(loaded, forwarded)].join('; ');
  if ('thrown' in value || 'value' in value) {
    if (!reply.isSent) plan.headers.setCacheStatus(reply, told);
    plan.headers.announceUnkept(reply);
    if ('thrown' in value) throw value.thrown;
    return value.value;
  }
  // Others may keep an answer only where this cache itself would.
  if (AS_GOOD_AS_STORED.has(notStoredBecause)) plan.headers.announceNew(reply, outcome, told);
  else plan.headers.announce(reply, outcome, told);
  return give(ticket, value);
}

/** @param forwarded  may have said already why nothing is stored */
function details({ how, isStored, notStoredBecause }: Loaded<Answer>, forwarded: string): string[] {
  const isCollapsed = how === 'joined' || how === 'found';
  return [
    ...(isCollapsed ? ['collapsed'] : []),
    ...(isStored && how !== 'found' ? ['stored'] : []),
    ...(notStoredBecause && !forwarded.includes('detail=') ? [`detail=${notStoredBecause}`] : []),
  ];
}

/** Writes the headers of a kept answer. @returns what Nest is to send */
function give({ plan, reply, request }: CacheTicket, kept: KeptAnswer): unknown {
  const answer = new StoredAnswer(kept);
  if (answer.evaluatePreconditions(request, reply, plan.headers)) return undefined;
  answer.describe(reply, plan.headers);
  return reply.sendable(kept.body);
}
