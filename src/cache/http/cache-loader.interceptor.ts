import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { from, lastValueFrom, type Observable } from 'rxjs';
import type { CacheRequest } from '../cache.options.js';
import { storedForm } from '../decorators/stored-form.js';
import { CacheEngine } from '../engine/cache-engine.js';
import type { Produced } from '../engine/subject.js';
import { describe, entityTag, isHeld, JSON_TYPE } from './cache-headers.js';
import { takeTicket, type CacheTicket } from './cache-ticket.js';
import { observeCall, type HandlerCall } from './handler-call.js';
import { replyOf, type Reply } from './reply.js';

/** The text that is sent and stored, or a value that only this response can carry. */
type Answer = { readonly text: string; readonly etag: string | undefined } | { readonly value: unknown };

/**
 * The outermost interceptor of every cached route. On a miss it runs everything inside it once for all who wait,
 * serialises once, stores the text and sends that very text. Without a ticket from the door it steps aside.
 */
@Injectable()
export class CacheLoader implements NestInterceptor {
  constructor(private readonly engine: CacheEngine) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<CacheRequest>();
    const ticket = takeTicket(request);
    return ticket ? from(this.#load(ticket, request, replyOf(http.getResponse()), next)) : next.handle();
  }

  async #load(ticket: CacheTicket, request: CacheRequest, reply: Reply, next: CallHandler): Promise<unknown> {
    const [outcome, forwarded] = outcomes[ticket.state];
    describe(reply, outcome, forwarded);
    const { value, how, isStored } = await this.engine.load<Answer>(
      ticket.subject,
      ticket.budget,
      () => produce(ticket, reply, next),
      ({ body, head }) => ({ text: body.toString(), etag: head.etag }),
    );
    if ('value' in value) return value.value;

    const { text, etag } = value;
    describe(
      reply,
      outcome,
      [forwarded, how === 'joined' && 'collapsed', isStored && 'stored'].filter(Boolean).join('; '),
    );
    if (ticket.plan.vary) reply.setHeader('vary', ticket.plan.vary);
    if (etag) reply.setHeader('etag', etag);
    if (isHeld(request.headers['if-none-match'], etag)) {
      reply.setStatus(304);
      return undefined;
    }
    reply.setHeader('content-type', JSON_TYPE);
    return text;
  }
}

const outcomes = {
  miss: ['MISS', 'fwd=miss'],
  bypass: ['BYPASS', 'fwd=bypass; detail=store-away'],
} as const;

async function produce({ plan }: CacheTicket, reply: Reply, next: CallHandler): Promise<Produced<Answer>> {
  const headersBefore = JSON.stringify(reply.getHeaders());
  const call: HandlerCall = { args: [], result: undefined };
  const value: unknown = await observeCall(call, () =>
    lastValueFrom(next.handle(), { defaultValue: undefined }),
  );

  const isPlain = reply.statusCode === 200 && JSON.stringify(reply.getHeaders()) === headersBefore;
  const text = isPlain ? jsonText(value) : undefined;
  if (text === undefined) return { value: { value }, isShareable: false, notStoredBecause: 'not-plain' };
  const etag = entityTag(text);
  return storedForm<Answer>(plan.definition, call.args, call.result, text, { text, etag }, etag);
}

/** The text that both adapters would send for an object or array; other values they treat each in their own way. */
function jsonText(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const isStream =
    'pipe' in value || 'getStream' in value || Symbol.asyncIterator in value || ArrayBuffer.isView(value);
  return isStream ? undefined : JSON.stringify(value);
}
