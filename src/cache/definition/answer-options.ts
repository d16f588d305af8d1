import { CacheError } from '../engine/cache-errors.js';
import { durationMs, type Duration } from '../engine/duration.js';
import type { CacheRequest, OfRequest } from './cache-request.js';
import { isPersonal, type Scope } from './scope.js';

/** What `@Cached` may say of a route's HTTP answers; on a method that is no route it stops the start. */
export interface AnswerOptions {
  /**
   * Who may keep an answer on the way to the client: `Cache-Control: private` or `public`. Default `private` for a route
   * behind a guard or with `scope: 'user' | 'tenant'`, and for an answer that is not to be kept; else `public`. Both ask
   * again before they use it: `no-cache`.
   */
  visibility?: 'private' | 'public';
  /**
   * How old an answer may become that clients use without asking again: `max-age`, and `stale-while-revalidate` for
   * `grace`. Outside of the promise: nobody can tell a client about an invalidation. With `scope: 'user' | 'tenant'` the
   * route needs `@Header('Vary', …)` with the header that names the caller. Default: it asks each time.
   */
  clientMaxAge?: Duration;
  /**
   * Whether this client's `Cache-Control: no-cache` has the answer made anew. Default: nobody's has, since it would be a
   * way to flood the handler.
   */
  mayBypass?: OfRequest<boolean>;
  /**
   * `headers`: names of headers that are stored with the answer when the handler or an interceptor sets them, such as
   * `['link']`. An answer with any other header of theirs is given but not stored.
   */
  store?: { headers: readonly string[] };
  /**
   * How long a 404 that the handler throws is kept, at most 5 s is wise. Its filters run for each caller all the same.
   * Tag functions get `undefined` as the result; if one throws, nothing is kept. Default: errors are never kept.
   */
  negativeTtl?: Duration;
}

/** The same, checked. */
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
