import { HttpException } from '@nestjs/common';
import { CacheError } from '../cache/index.js';
import { databaseProblem } from '../database/database-problem.js';
import { Problem, type ProblemCode, problemCodes, problems } from './problem.js';

/** Of several codes with one status, the first in the catalogue is the general one; for 503 it is `overloaded`. */
const codeOfStatus: Readonly<Record<number, ProblemCode>> = {
  ...Object.fromEntries(problemCodes.toReversed().map((code) => [problems[code].status, code])),
  503: 'overloaded',
};

/** For Fastify's own refusal of a content type, which may come from any route. */
const whatToSend = 'Send application/json, or lines as application/x-ndjson where they are taken.';

/**
 * The problem to answer with for anything that was thrown. What others wrote into an error is not repeated:
 * it may quote a statement, a host name or a secret.
 */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const status = statusOf(error);
  const isOfCaller = status >= 400 && status < 500;
  // Not for a fault of the caller's, as Fastify tells: an upload that breaks off has the same code as a lost database.
  const known = isOfCaller ? undefined : databaseProblem(error);
  if (known) return known;
  const code = codeOfStatus[status] ?? (isOfCaller ? 'bad_request' : 'internal_error');
  const detail = code === 'unsupported_media_type' ? whatToSend : `${problems[code].title}.`;
  return new Problem(code, detail, isStoreAway(error) ? { cause: 'store-away' } : {});
}

/** On a cached route the cache's error is the cause of an exception of Nest. */
function isStoreAway(error: unknown): boolean {
  const origin = error instanceof HttpException ? error.cause : error;
  return origin instanceof CacheError && origin.code === 'CACHE_OVERLOADED';
}

function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  // Fastify's own errors, those of its plugins, and those of the cache.
  const { statusCode } = (error ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : 500;
}
