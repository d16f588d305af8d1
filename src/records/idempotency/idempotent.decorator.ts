import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { givesNoId } from '../../access/declared-ids.js';
import type { Principal } from '../../access/principal.js';
import { Problem } from '../../http/problem.js';

/** What {@link IdempotencyService} needs to know of a request. */
export class PostedRequest {
  constructor(
    /** Principal, method, route and its parameters, however they are spelled: the same key of another caller, or elsewhere, is another key. */
    readonly scope: string,
    /** The `Idempotency-Key`; without one the request is simply run. */
    readonly key: string | undefined,
    /** As the parser left it: what makes a repeat the same request. */
    readonly body: unknown,
    /** Sets the status, and says whether the answer is a stored one. */
    readonly answered: (status: number, isReplayed: boolean) => void,
  ) {}
}

const maxKeyLength = 255;

/** Documents the header; the work is done by `IdempotencyService.run` with the {@link Posted} request. */
export const Idempotent = () =>
  ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      'Any text of up to 255 visible characters, such as a UUID, new for each new thing. A repeat within 24 hours gets the stored answer with `Idempotency-Replayed: true`; ' +
      'the same key with another body 422; while the first is still running 409. A request that failed leaves no trace.',
    schema: { type: 'string', minLength: 1, maxLength: maxKeyLength, pattern: '^[!-~]+$' },
  });

/** Hands the {@link PostedRequest} to the handler: of the body only whether it is the same as before. */
export const Posted = createParamDecorator(givesNoId(postedRequest));

function postedRequest(_: undefined, context: ExecutionContext): PostedRequest {
  const http = context.switchToHttp();
  const request = http.getRequest<FastifyRequest & { principal: Principal }>();
  const reply = http.getResponse<FastifyReply>();
  const { role, sub } = request.principal;
  return new PostedRequest(
    `${role}:${sub} ${request.method} ${request.routeOptions.url ?? ''} ${JSON.stringify(request.params)}`,
    readKey(request.headers['idempotency-key']),
    request.body ?? null,
    (status, isReplayed) => {
      reply.status(status);
      if (isReplayed) reply.header('Idempotency-Replayed', 'true');
    },
  );
}

function readKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && header.length <= maxKeyLength && /^[!-~]+$/.test(header)) return header;
  throw new Problem('validation_failed', 'The Idempotency-Key cannot be used.', {
    errors: [
      { pointer: '/header/idempotency-key', code: 'pattern', detail: '1 to 255 visible ASCII characters' },
    ],
  });
}
