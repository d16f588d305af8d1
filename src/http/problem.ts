import { HttpException } from '@nestjs/common';

/** Every error this service answers with: a stable code, its HTTP status and its title. */
export const problems = {
  bad_request: { status: 400, title: 'The request cannot be read' },
  validation_failed: { status: 400, title: 'The request does not fit its schema' },
  unauthorized: { status: 401, title: 'Credentials are missing or not valid' },
  forbidden: { status: 403, title: 'This role may not do that' },
  not_found: { status: 404, title: 'There is no such thing' },
  method_not_allowed: { status: 405, title: 'This method is not offered here' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  conflict: { status: 409, title: 'The request conflicts with what is stored' },
  idempotency_in_flight: { status: 409, title: 'The first request with this key is still running' },
  precondition_failed: { status: 412, title: 'The resource has changed meanwhile' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  uri_too_long: { status: 414, title: 'The address is too long' },
  unsupported_media_type: { status: 415, title: 'This content type is not understood' },
  unprocessable: { status: 422, title: 'The request is well formed but makes no sense' },
  idempotency_key_reused: { status: 422, title: 'This key was used for another request' },
  batch_rejected: { status: 422, title: 'The batch was rejected as a whole' },
  precondition_required: { status: 428, title: 'The request must name the version it changes' },
  too_many_requests: { status: 429, title: 'Too many requests' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  internal_error: { status: 500, title: 'Something went wrong on our side' },
  credentials_unverifiable: { status: 503, title: 'Credentials cannot be checked at the moment' },
  database_unavailable: { status: 503, title: 'The database is not available' },
  redis_not_configured: { status: 503, title: 'Redis is not configured' },
  redis_unavailable: { status: 503, title: 'Redis is not available' },
  overloaded: { status: 503, title: 'The service is busy' },
  timed_out: { status: 504, title: 'The answer took too long' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof problems;
export const problemCodes = Object.keys(problems) as ProblemCode[];

/**
 * Why the service is `overloaded`. `in-flight`: it serves as many requests as it can at a time. `event-loop`: the process does
 * not keep up. `store-away`: the cache is away, and too much must be computed. `contention`: others change the same rows.
 * `other`: a library said 503.
 */
export const overloadCauses = ['in-flight', 'event-loop', 'store-away', 'contention', 'other'] as const;
export type OverloadCause = (typeof overloadCauses)[number];

/**
 * What is wrong with one part of the request. `pointer` is a JSON pointer (RFC 6901) into the body, or `/query/x`, `/path/x`,
 * `/header/x` or `/lines/1`.
 */
export interface ProblemPart {
  pointer: string;
  code: string;
  detail: string;
}

/**
 * The one error type of this service; the problem filter turns it into `application/problem+json`.
 *
 * @param code    names the catalogue entry above, and with it the HTTP status
 * @param detail  one sentence for the caller: never an exception text, SQL or a host name
 * @param more    what is wrong with parts of the request, further header fields, and for `overloaded` the cause, which
 *                callers do not see
 * @see RFC 9457
 */
export class Problem extends HttpException {
  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    readonly more: {
      errors?: ProblemPart[];
      headers?: Record<string, string>;
      cause?: OverloadCause;
    } = {},
  ) {
    super(detail, problems[code].status);
  }
}
