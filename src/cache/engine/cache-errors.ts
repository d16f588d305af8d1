/** Every error the cache can throw at whoever builds with it. Requests never see one: a failing cache is a miss. */
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

/** What may be said of an error that anybody threw: never its text, which may quote what was handed in. */
export function errorName(error: unknown): string {
  return error instanceof CacheError ? error.code : error instanceof Error ? error.name : typeof error;
}
