/**
 * Every error the cache can throw at whoever builds with it. A store that fails is none, but a miss. A route's client is
 * told of two: `CACHE_FACTORY_TIMED_OUT` is answered with 504, `CACHE_OVERLOADED` with 503.
 */
export type CacheErrorCode =
  | 'CACHE_BOOT_FAILED'
  | 'CACHE_INVALID_TTL'
  | 'CACHE_INVALID_OPTIONS'
  | 'CACHE_DUPLICATE_PREFIX'
  | 'CACHE_SCOPE_MISSING'
  | 'CACHE_PRINCIPAL_MISSING'
  | 'CACHE_UNDECLARED_INPUT'
  | 'CACHE_UNCACHEABLE_ROUTE'
  | 'CACHE_UNKNOWN_TEMPLATE_NAME'
  | 'CACHE_PATTERN_MATCHES_NOTHING'
  | 'CACHE_WRITE_OUTSIDE_TRANSACTION'
  | 'CACHE_STORE_UNAVAILABLE'
  | 'CACHE_UNSERIALISABLE'
  | 'CACHE_FACTORY_TIMED_OUT'
  | 'CACHE_OVERLOADED';

/** @param message says what happened, where, and what to do next */
export class CacheError extends Error {
  constructor(
    readonly code: CacheErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'CacheError';
  }
}
