import type { CallHandler } from '@nestjs/common';
import { lastValueFrom } from 'rxjs';
import { produced } from '../definition/store-decision.js';
import type { KeptAnswer } from '../engine/cache-entry.js';
import type { Produced } from '../engine/factory.js';
import type { CacheTicket } from './cache-ticket.js';
import { isClientError } from './cache-failure.js';
import { divert } from './diverted-reply.js';
import { entityTag } from './entity-tag.js';
import { isInsideRunOf, observeCall } from './handler-call.js';
import { keptException } from './kept-exception.js';
import { watchLateFields } from './late-fields.js';
import { ObservedCall } from './observed-call.js';
import { isFastify, watchSend } from './fastify-reply.js';
import { replyOf } from './reply-of.js';
import { copied, type HeadersByName, type Reply } from './reply.js';

const JSON_TYPE = 'application/json; charset=utf-8';

/** What a run answers: bytes that can be kept; an exception; or a value that only its own request can be answered with. */
export type Answer = KeptAnswer | { readonly thrown: unknown } | { readonly value: unknown };

/** Why nothing can be kept. */
type Unkept = Pick<Produced<never>, 'notStoredBecause' | 'header'>;

/** Runs all that is inside the loader, for one request: pipes, interceptors and the handler. */
export class HandlerRun {
  readonly #ticket: CacheTicket;
  readonly #next: CallHandler;
  readonly #headersBefore: HeadersByName;
  readonly #statusBefore: number;
  /** What the run writes to: the request's own reply, until it is diverted. */
  #reply: Reply;
  #state: 'waiting' | 'running' | 'over' = 'waiting';
  #isDetached = false;
  #hasLateField = false;
  #hasSent = false;

  constructor(ticket: CacheTicket, next: CallHandler) {
    const { reply } = ticket;
    this.#ticket = ticket;
    this.#next = next;
    this.#reply = reply;
    this.#headersBefore = reply.headers();
    this.#statusBefore = reply.statusCode;
    watchLateFields(reply.response, () => this.#admitField());
    if (isFastify(reply.response)) watchSend(reply.response, () => (this.#hasSent ||= isInsideRunOf(this)));
  }

  /**
   * The request is answered without this run: undoes what the run has done to the response, and from now on keeps the run
   * away from it.
   */
  detach(): void {
    if (this.#isDetached) return;
    this.#isDetached = true;
    if (this.#state === 'waiting') return;
    const reply = this.#reply;
    const headers = reply.headers();
    if (this.#state === 'running') this.#divert(headers);
    const before = copied(this.#headersBefore);
    for (const name of changed(before, headers)) {
      reply.removeHeader(name);
      if (name in before) reply.setHeader(name, before[name]);
    }
    reply.setStatus(this.#statusBefore);
  }

  /** The request has failed. A run that is still going, such as after a timeout, goes on behind the answer. */
  abandon(): void {
    if (this.#state !== 'over') this.detach();
  }

  /**
   * Runs the handler, and says what of its answer may be kept. Once detached, it may be called again after each run.
   */
  async produce(): Promise<Produced<Answer>> {
    if (this.#isDetached) {
      this.#divert(copied(this.#headersBefore));
      // The answer to the request may have become a 304 meanwhile.
      this.#reply.setStatus(this.#statusBefore);
    }
    this.#state = 'running';
    this.#hasLateField = false;
    const { plan, request, subject } = this.#ticket;
    const call = new ObservedCall(plan, request, subject.tags);
    try {
      const value: unknown = await observeCall(this, call, () => lastValueFrom(this.#next.handle()));
      const kept = this.#kept(value);
      if (!('body' in kept)) return { value: { value }, isShareable: false, ...kept };
      if (!call.isReached && plan.tags.needsArguments) {
        return { value: kept, isShareable: true, notStoredBecause: 'handler-skipped' };
      }
      return produced<Answer>(call.decision, kept, kept);
    } catch (error) {
      return this.#failed(error, call);
    } finally {
      this.#state = 'over';
    }
  }

  /**
   * Decides who a failure is for: its caller alone, all who wait, or also those who come later.
   *
   * @throws the error itself, where it is for all who wait and a stale answer may be given instead
   */
  #failed(error: unknown, call: ObservedCall): Produced<Answer> {
    const { plan, reply, subject } = this.#ticket;
    const thrown = { thrown: error };
    // A client that has gone may have ended the run (`takeUntil`): those who joined did not fail.
    const isCutOff = !this.#isDetached && reply.isAbandoned;
    if (isCutOff || (!call.isReached && isClientError(error))) {
      return { value: thrown, isShareable: false, isRefused: true };
    }
    const { negativeTtlMs } = plan.definition.answers;
    const isKept = negativeTtlMs !== undefined && this.#setHeaders().length === 0;
    const kept = isKept ? keptException(error) : undefined;
    if (kept) return produced<Answer>(call.decisionOnFailure(negativeTtlMs), thrown, kept);
    if (!isClientError(error)) throw error;
    // It depends on tags that only this call has named: those who joined cannot tell whether it is recent enough.
    if (!call.isAllKnown) return { value: thrown, isShareable: false };
    // What is thrown may be replaced by a stale answer. That must not happen to what the client did wrong.
    if (subject.policy.graceMs > 0) return { value: thrown, isShareable: true };
    throw error;
  }

  #divert(headers: HeadersByName): void {
    this.#reply = replyOf(divert(this.#ticket.reply.response, headers, () => isInsideRunOf(this)));
  }

  #admitField(): boolean {
    if (!isInsideRunOf(this)) return true;
    this.#hasLateField = true;
    return !this.#isDetached;
  }

  /** The names of headers that the run has set, changed or taken away. */
  #setHeaders(): string[] {
    const set = changed(this.#headersBefore, this.#reply.headers());
    return this.#hasLateField ? [...set, 'set-cookie'] : set;
  }

  /** What is sent and kept, or why nothing can be kept. */
  #kept(value: unknown): KeptAnswer | Unkept {
    if (this.#reply.statusCode !== 200) return { notStoredBecause: 'status' };
    // What the handler has sent by itself a hit would lack.
    if (this.#hasSent || this.#reply.isSent) return { notStoredBecause: 'not-plain' };
    const { plan, reply: original } = this.#ticket;
    const headers = this.#reply.headers();
    const set = this.#setHeaders();
    const header = set.find((name) => !(name in headers && plan.storesHeader(name)));
    if (header !== undefined) return { notStoredBecause: 'header', header };
    // Fastify's serialiser goes by the status and by what the run itself has set; Express's by the application.
    const by = isFastify(original.response) ? this.#reply : original;
    const text = isJson(value) ? by.serialized(value, plan.headers.fixedType) : undefined;
    if (text === undefined) return { notStoredBecause: 'not-plain' };
    const body = Buffer.from(text);
    const stored = Object.fromEntries(set.sort().map((name) => [name, [headers[name]].flat().join(', ')]));
    return { body, head: { etag: entityTag(body, stored), 'content-type': JSON_TYPE, ...stored } };
  }
}

/** The names of headers that were set, changed or taken away. */
function changed(before: HeadersByName, after: HeadersByName): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => String(before[name]) !== String(after[name]));
}

/** Whether both adapters write it as JSON; other values they treat each in their own way. */
function isJson(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  // Fastify makes a failure of it.
  if (value instanceof Error) return false;
  // Nest sends a stream also where an interceptor has wrapped it.
  return !isStream(value) && (Array.isArray(value) || !Object.values(value).some(isStream));
}

function isStream(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { pipe, getStream } = value as { pipe?: unknown; getStream?: unknown };
  return (
    typeof pipe === 'function' ||
    typeof getStream === 'function' ||
    Symbol.asyncIterator in value ||
    Object.prototype.toString.call(value) === '[object Response]'
  );
}
