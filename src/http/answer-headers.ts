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

/** Header fields that every answer with this status has, whichever the route. */
const ofStatus: Readonly<Record<string, Readonly<Record<string, Field>>>> = {
  '401': { 'WWW-Authenticate': text('`Bearer`; with `error="invalid_token"` where one was sent (RFC 6750)') },
  '429': {
    'Retry-After': retryAfter,
    RateLimit: text('What is left, and the seconds until it is all there again: `"caller";r=0;t=12`'),
    'RateLimit-Policy': text('The allowance, and in how many seconds: `"caller";q=600;w=60`'),
  },
  '503': { 'Retry-After': retryAfter },
  // A described operation never answers 405 itself: another method on its path does.
  default: { Allow: text('With 405 only: the methods that the path answers to') },
};

/** Any write may carry it: it may be done before all other processes could be told. */
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

/** Adds the header fields that every answer has, and those that every answer with its status has. */
export function addCommonHeaders({ responses }: Operation): void {
  for (const [status, response] of described(responses))
    response.headers = { 'X-Request-Id': requestId, ...ofStatus[status], ...response.headers };
}

/**
 * A 304 stands for the 200 that the caller holds: both carry the same headers (RFC 9110 section 15.4.5). A 404 carries those
 * of the cache: it was looked up there, too.
 */
export function shareHeaders({ responses }: Operation): void {
  const { '304': held, '200': sent, '404': missing } = Object.fromEntries(described(responses));
  if (held?.headers && sent) sent.headers = { ...sent.headers, ...held.headers };
  if (held?.headers && missing) {
    const ofCache = Object.entries(held.headers).filter(([name]) => /^(X-Cache|Cache-Status)$/.test(name));
    missing.headers = { ...missing.headers, ...Object.fromEntries(ofCache) };
  }
}

/** @param first  how the statuses that carry the field begin: `2`, `409` */
export function addHeader({ responses }: Operation, first: string, name: string, field: Field): void {
  for (const [status, response] of described(responses))
    if (status.startsWith(first)) response.headers = { ...response.headers, [name]: field };
}

function described(responses: Operation['responses']): [status: string, response: Described][] {
  return Object.entries(responses).flatMap(([status, response]) =>
    response === undefined || '$ref' in response ? [] : [[status, response]],
  );
}
