import { HttpException } from '@nestjs/common';
import { CacheError } from '../cache/index.js';
import { databaseProblem } from '../database/database-problem.js';
import { Problem, type ProblemCode, problemCodes, problems } from './problem.js';

/** Of several with one status the first of the catalogue says it in general; of 503 `overloaded` does. */
const codeOfStatus: Readonly<Record<number, ProblemCode>> = {
  ...Object.fromEntries(problemCodes.toReversed().map((code) => [problems[code].status, code])),
  503: 'overloaded',
};

/** Fastify alone says of a content type that it is not understood, of whatever route. */
const whatToSend = 'Send application/json, or lines as application/x-ndjson where they are taken.';

/**
 * The problem to answer with for anything that was thrown. What others wrote into an error is not repeated:
 * it may quote a statement, a host name or a secret.
 */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const status = statusOf(error);
  const isOfCaller = status >= 400 && status < 500;
  // Fastify has already found out whose fault it is: an upload that breaks off has the code of a lost database.
  const known = isOfCaller ? undefined : databaseProblem(error);
  if (known) return known;
  const code = codeOfStatus[status] ?? (isOfCaller ? 'bad_request' : 'internal_error');
  const detail = code === 'unsupported_media_type' ? whatToSend : `${problems[code].title}.`;
  return new Problem(code, detail, isStoreAway(error) ? { cause: 'store-away' } : {});
}

/** A route's cache answers with an exception of Nest, and says in it why. */
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
