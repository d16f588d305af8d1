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

/** Of the two that mean that an answer could not be had in time; all others are mistakes. */
const statusOf: Partial<Record<CacheErrorCode, number>> = {
  CACHE_FACTORY_TIMED_OUT: 504,
  CACHE_OVERLOADED: 503,
};

/**
 * What the cache throws. The `code` says what went wrong; docs/errors.md has every one of them, with what to do.
 *
 * @param message says what happened, where, and what to do next
 */
export class CacheError extends Error {
  /** The message is for developers: see {@link statusCode}. */
  readonly expose = false;

  constructor(
    readonly code: CacheErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'CacheError';
  }

  /**
   * The HTTP status that says the same; `undefined` for a mistake. With `status` and `expose` in the manner of the package
   * http-errors, which Nest's own filter knows: whatever route calls the method answers so, without the message.
   */
  get statusCode(): number | undefined {
    return statusOf[this.code];
  }

  get status(): number | undefined {
    return this.statusCode;
  }
}

/** For what is wrong with the options of the module. @param fault  what, and what is allowed; without a full stop */
export function invalidOptions(fault: string): CacheError {
  return new CacheError('CACHE_INVALID_OPTIONS', `CacheModule: ${fault}.`);
}

/** What may be said of an error that anybody threw: never its text, which may quote what was handed in. */
export function errorName(error: unknown): string {
  return error instanceof CacheError ? error.code : error instanceof Error ? error.name : typeof error;
}

/** The reason that a store gave; of any other error its name, for its text may hold anything. */
export function reasonOf(error: unknown): string {
  return error instanceof CacheError ? error.message : errorName(error);
}
