import { CacheError } from '../engine/cache-errors.js';
import { durationMs, type Duration } from '../engine/duration.js';
import type { CacheRequest, OfRequest } from './cache-request.js';
import { isPersonal, type Scope } from './scope.js';

/** Options of `@Cached` for the HTTP answers of a route. On a method that is no route they stop the start. */
export interface AnswerOptions {
  /**
   * Which caches on the way to the client may keep an answer: `Cache-Control: private` or `public`. Without `clientMaxAge`
   * they have to ask again before they use it (`no-cache`). Default `private` for a route behind a guard or with
   * `scope: 'user' | 'tenant'`, and for an answer that is not to be kept; else `public`.
   */
  visibility?: 'private' | 'public';
  /**
   * How old an answer may become that a client uses without asking again: `max-age`, and for `grace`
   * `stale-while-revalidate`. An invalidation does not reach such a client: it may use the old answer until then. With
   * `scope: 'user' | 'tenant'` the route needs `@Header('Vary', …)` with the header that names the caller. Default: clients
   * ask each time.
   */
  clientMaxAge?: Duration;
  /**
   * Whether this client gets a new answer when it sends `Cache-Control: no-cache`; it is stored for all. Default: nobody does,
   * since it would be a way to flood the handler.
   */
  mayBypass?: OfRequest<boolean>;
  /**
   * `headers`: names of headers that are stored with an answer when the handler or an interceptor sets them, such as
   * `['link']`. An answer for which they set any other header is given but not stored.
   */
  store?: { headers: readonly string[] };
  /**
   * How long a 404 that the handler throws is kept; more than 5 s is rarely wise. Exception filters still run for each
   * caller. Tag functions get `undefined` as the result; if one throws, nothing is kept. Default: errors are never kept.
   */
  negativeTtl?: Duration;
}

/** {@link AnswerOptions}, checked. */
export interface AnswerRules {
  readonly visibility?: 'private' | 'public';
  readonly clientMaxAgeS?: number;
  readonly mayBypass?: (request: CacheRequest) => boolean;
  /** In lower case. */
  readonly storedHeaders: readonly string[];
  readonly negativeTtlMs?: number;
}

/** Headers that are this cache's own to set, or belong to one client or one connection. */
const NEVER_STORED = new Set([
  'age',
  'authorization',
  'cache-control',
  'cache-status',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'etag',
  'set-cookie',
  'status',
  'transfer-encoding',
  'vary',
  'x-cache',
]);

/** @throws {CacheError} `CACHE_INVALID_OPTIONS`, `CACHE_INVALID_TTL`, with the method's name */
export function answerRules(options: AnswerOptions, scope: Scope | undefined, method: string): AnswerRules {
  const { visibility, clientMaxAge, mayBypass, store, negativeTtl } = options;
  if (visibility !== undefined && !['private', 'public'].includes(visibility)) {
    throw new CacheError('CACHE_INVALID_OPTIONS', `${method}: visibility is 'private' or 'public'.`);
  }
  if (visibility === 'public' && isPersonal(scope)) {
    throw new CacheError(
      'CACHE_INVALID_OPTIONS',
      `${method}: answers of scope '${scope}' belong to one caller, so their visibility cannot be 'public'.`,
    );
  }
  if (mayBypass !== undefined && typeof mayBypass !== 'function') {
    throw new CacheError('CACHE_INVALID_OPTIONS', `${method}: mayBypass is a function of the request.`);
  }
  if (store !== undefined && !Array.isArray(store.headers)) {
    throw new CacheError('CACHE_INVALID_OPTIONS', `${method}: store is { headers: ['link', …] }.`);
  }
  const storedHeaders = (store?.headers ?? []).map((name) => name.toLowerCase());
  const refused = storedHeaders.find((name) => NEVER_STORED.has(name) || !/^[\w!#$%&'*+.^`|~-]+$/.test(name));
  if (refused !== undefined) {
    throw new CacheError('CACHE_INVALID_OPTIONS', `${method}: the header '${refused}' cannot be stored.`);
  }
  return {
    storedHeaders,
    ...(visibility && { visibility }),
    ...(clientMaxAge !== undefined && {
      clientMaxAgeS: Math.ceil(durationMs(clientMaxAge, `${method}, clientMaxAge`) / 1000),
    }),
    ...(mayBypass && { mayBypass }),
    ...(negativeTtl !== undefined && { negativeTtlMs: durationMs(negativeTtl, `${method}, negativeTtl`) }),
  };
}
