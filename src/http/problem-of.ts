import { HttpException } from '@nestjs/common';
import { CacheError } from '../cache/index.js';
import { databaseProblem } from '../database/database-problem.js';
import { Problem, type ProblemCode, problems } from './problem.js';

const codeOfStatus: Readonly<Record<number, ProblemCode>> = {
  400: 'bad_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  408: 'request_timeout',
  409: 'conflict',
  412: 'precondition_failed',
  413: 'payload_too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  422: 'unprocessable',
  428: 'precondition_required',
  429: 'too_many_requests',
  431: 'headers_too_large',
  503: 'overloaded',
  504: 'timed_out',
};

/**
 * The problem to answer with for anything that was thrown. What others wrote into an error is not repeated:
 * it may quote a statement, a host name or a secret.
 */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const kept = keptProblem(error);
  if (kept) return kept;
  const known = databaseProblem(error);
  if (known) return known;
  const status = statusOf(error);
  const code = codeOfStatus[status] ?? (status >= 400 && status < 500 ? 'bad_request' : 'internal_error');
  return new Problem(code, `${problems[code].title}.`, isStoreAway(error) ? { cause: 'store-away' } : {});
}

/** A route's cache answers with an exception of Nest, and says in it why. */
function isStoreAway(error: unknown): boolean {
  const origin = error instanceof HttpException ? error.cause : error;
  return origin instanceof CacheError && origin.code === 'CACHE_OVERLOADED';
}

/** A problem that the cache has kept (`negativeTtl`): all of its fields, but not its class. */
function keptProblem(error: unknown): Problem | undefined {
  if (!(error instanceof HttpException)) return undefined;
  const { code, detail, more } = error as HttpException & Partial<Problem>;
  if (code === undefined || detail === undefined || !Object.hasOwn(problems, code)) return undefined;
  return problems[code].status === error.getStatus() ? new Problem(code, detail, more) : undefined;
}

function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  // Fastify's own errors, those of its plugins, and those of the cache.
  const { statusCode } = (error ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : 500;
}
