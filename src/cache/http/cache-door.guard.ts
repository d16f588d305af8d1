import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { CacheRequest } from '../definition/cache-request.js';
import { CacheEngine } from '../engine/cache-engine.js';
import type { CacheEntry } from '../engine/cache-entry.js';
import type { Found } from '../engine/held-entry.js';
import { leaveTicket, type CacheTicket } from './cache-ticket.js';
import { CompressedForms } from './compressed-forms.js';
import { isKeptException, revivedException } from './kept-exception.js';
import { replyOf } from './reply-of.js';
import { RoutePlans } from './route-plans.js';
import { StoredAnswer } from './stored-answer.js';
import { Turn } from './turn.js';

/**
 * What the guard returns when it has answered by itself: Nest then never goes on. It is no real promise, since one that
 * stays pending would keep everybody who waits for it in memory.
 */
const NEVER = { then: () => undefined } as unknown as Promise<boolean>;

/**
 * The last guard of every cached route. It answers a hit itself, with the stored bytes, so that no pipe, interceptor,
 * handler or serialiser runs; all other guards have had their say by then. For all else it leaves a ticket for
 * {@link CacheLoader}.
 */
@Injectable()
export class CacheDoor implements CanActivate {
  readonly #answers = new WeakMap<CacheEntry, StoredAnswer>();
  readonly #compressed: CompressedForms;
  readonly #turn = new Turn();

  constructor(
    private readonly engine: CacheEngine,
    private readonly plans: RoutePlans,
  ) {
    this.#compressed = new CompressedForms(engine);
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const plan = this.plans.of(context.getClass(), context.getHandler());
    // As a resolver or a message handler it is cached by its value, like a provider's method.
    if (!plan || context.getType() !== 'http') return true;
    const [request, response] = context.getArgs<[CacheRequest, object]>();
    const reply = replyOf(response);
    const subject = reply.isPlain ? plan.subject(request) : 'not-plain';
    if (typeof subject === 'string') {
      plan.countBypass(subject);
      plan.headers.announce(reply, 'BYPASS', `fwd=bypass; detail=${subject}`);
      return plan.admit();
    }
    return this.#turn.end.then(() => this.#look({ request, reply, plan, subject }));
  }

  #look(asked: Omit<CacheTicket, 'lookup'>): boolean | Promise<boolean> {
    const { request, plan, subject } = asked;
    const atOnce = plan.isRenewal(request)
      ? this.engine.skipLookup(subject)
      : this.engine.lookupHeld(subject);
    if (atOnce) return this.#answerOrPass({ ...asked, lookup: atOnce });
    const budget = this.engine.newBudget();
    return this.engine
      .lookup(subject, budget)
      .then((lookup) => this.#answerOrPass({ ...asked, lookup, budget }));
  }

  #answerOrPass(ticket: CacheTicket): boolean | Promise<boolean> {
    const { lookup } = ticket;
    if (lookup.state === 'hit' && !lookup.alsoStarts) {
      this.#send(ticket, lookup.found);
      return NEVER;
    }
    leaveTicket(ticket);
    return true;
  }

  #send({ request, reply, plan: { headers } }: CacheTicket, found: Found): void {
    const { entry } = found;
    headers.setFixed(reply);
    headers.announceHit(reply, found);
    if (isKeptException(entry)) {
      headers.setFixedType(reply);
      throw revivedException(entry);
    }
    const answer = this.#answerOf(entry);
    const codings = headers.codings(request);
    // A guard may have set another. Nest itself sets the status only after them.
    reply.setStatus(200);
    if (answer.evaluatePreconditions(request, reply, headers, codings)) {
      reply.end(undefined);
      return;
    }
    const compressed = this.#compressed.select(answer, entry, codings);
    answer.describe(reply, headers, compressed?.coding);
    reply.end(compressed?.body ?? answer.body);
  }

  #answerOf(entry: CacheEntry): StoredAnswer {
    const known = this.#answers.get(entry);
    if (known) return known;
    const answer = new StoredAnswer(entry);
    this.#answers.set(entry, answer);
    return answer;
  }
}
