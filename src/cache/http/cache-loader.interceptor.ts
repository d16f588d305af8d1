import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { from, lastValueFrom, type Observable } from 'rxjs';
import type { CacheRequest } from '../cache.options.js';
import { storedForm } from '../decorators/stored-form.js';
import { CacheEngine } from '../engine/cache-engine.js';
import type { Produced } from '../engine/subject.js';
import { describe, JSON_TYPE } from './cache-headers.js';
import { takeTicket, type CacheTicket } from './cache-ticket.js';
import { observeCall, type HandlerCall } from './handler-call.js';
import { replyOf, type Reply } from './reply.js';

/** The text that is sent and stored, or a value that only this response can carry. */
type Answer = { readonly text: string } | { readonly value: unknown };

/**
 * The outermost interceptor of every cached route. On a miss it runs everything inside it once for all who wait,
 * serialises once, stores the text and sends that very text. Without a ticket from the door it steps aside.
 */
@Injectable()
export class CacheLoader implements NestInterceptor {
  constructor(private readonly engine: CacheEngine) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const ticket = takeTicket(http.getRequest<CacheRequest>());
    return ticket ? from(this.#load(ticket, replyOf(http.getResponse()), next)) : next.handle();
  }

  async #load(ticket: CacheTicket, reply: Reply, next: CallHandler): Promise<unknown> {
    describe(reply, ticket.state === 'bypass' ? 'BYPASS' : 'MISS');
    const answer = await this.engine.load<Answer>(
      ticket.subject,
      ticket.budget,
      () => produce(ticket, reply, next),
      (entry) => ({ text: entry.body.toString() }),
    );
    if ('value' in answer) return answer.value;
    reply.setHeader('content-type', JSON_TYPE);
    return answer.text;
  }
}

async function produce({ plan }: CacheTicket, reply: Reply, next: CallHandler): Promise<Produced<Answer>> {
  const { definition } = plan;
  const headersBefore = JSON.stringify(reply.getHeaders());
  const call: HandlerCall = { args: [], result: undefined };
  const value: unknown = await observeCall(call, () =>
    lastValueFrom(next.handle(), { defaultValue: undefined }),
  );

  const isPlain = reply.statusCode === 200 && JSON.stringify(reply.getHeaders()) === headersBefore;
  const text = isPlain ? jsonText(value) : undefined;
  if (text === undefined) return { value: { value }, isShareable: false, notStoredBecause: 'not-plain' };
  return storedForm<Answer>(definition, call.args, call.result, text, { text });
}

/** The text that both adapters would send for an object or array; other values they treat each in their own way. */
function jsonText(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const isStream =
    'pipe' in value || 'getStream' in value || Symbol.asyncIterator in value || ArrayBuffer.isView(value);
  return isStream ? undefined : JSON.stringify(value);
}
