import type { OpenAPIObject } from '@nestjs/swagger';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

interface Field {
  readonly description: string;
  readonly schema: { readonly type: 'string' | 'integer'; readonly enum?: string[] };
}

interface Described {
  headers?: object;
}

const text = (description: string): Field => ({ description, schema: { type: 'string' } });

const requestId = text('Names this request in the log: the caller’s own, where it sent one that can be used');
const retryAfter: Field = { description: 'Seconds to wait before asking again', schema: { type: 'integer' } };

/** Fields that some status carries, whichever the route. */
const ofStatus: Readonly<Record<string, Readonly<Record<string, Field>>>> = {
  '401': { 'WWW-Authenticate': text('`Bearer`; with `error="invalid_token"` where one was sent (RFC 6750)') },
  '429': {
    'Retry-After': retryAfter,
    RateLimit: text('What is left, and the seconds until it is all there again: `"caller";r=0;t=12`'),
    'RateLimit-Policy': text('The allowance, and in how many seconds: `"caller";q=600;w=60`'),
  },
  '503': { 'Retry-After': retryAfter },
  // Whoever knows of an operation can get no 405 from it: another method of its path does.
  default: { Allow: text('With 405 only: the methods that the path answers to') },
};

/** Any write may be done before all other processes could be told of it. */
export const pending: Field = {
  description: 'Only where other processes may still answer with what was before, for a while',
  schema: { type: 'string', enum: ['pending'] },
};

export const replayed: Field = {
  description: 'Only where the answer is that of an earlier request with the same `Idempotency-Key`',
  schema: { type: 'string', enum: ['true'] },
};

export const nextPage = text('Where there is more, the address of the next page: `rel="next"` (RFC 8288)');

export const retryWhenDone: Field = {
  description: 'Only where the first request with this `Idempotency-Key` is still running: seconds to wait',
  schema: { type: 'integer' },
};

/** Adds what every answer carries, and what any answer with its status does. */
export function addCommonHeaders({ responses }: Operation): void {
  for (const [status, response] of described(responses))
    response.headers = { 'X-Request-Id': requestId, ...ofStatus[status], ...response.headers };
}

/**
 * A 304 stands for the 200 that the caller holds: both carry the same headers (RFC 9110 section 15.4.5). What is not there was
 * looked for in the cache as well.
 */
export function shareHeaders({ responses }: Operation): void {
  const { '304': held, '200': sent, '404': missing } = Object.fromEntries(described(responses));
  if (held?.headers && sent) sent.headers = { ...sent.headers, ...held.headers };
  if (held?.headers && missing) {
    const ofCache = Object.entries(held.headers).filter(([name]) => /^(X-Cache|Cache-Status)$/.test(name));
    missing.headers = { ...missing.headers, ...Object.fromEntries(ofCache) };
  }
}

/** @param first  how the statuses begin that carry it: `2`, `409` */
export function addHeader({ responses }: Operation, first: string, name: string, field: Field): void {
  for (const [status, response] of described(responses))
    if (status.startsWith(first)) response.headers = { ...response.headers, [name]: field };
}

function described(responses: Operation['responses']): [status: string, response: Described][] {
  return Object.entries(responses).flatMap(([status, response]) =>
    response === undefined || '$ref' in response ? [] : [[status, response]],
  );
}
