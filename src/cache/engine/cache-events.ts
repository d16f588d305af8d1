/** Everything the engine has to tell; log lines and statistics are made from it. */
export type CacheEvent =
  | { event: 'cache.lookup'; prefix: string; key: string }
  | { event: 'cache.hit'; prefix: string; key: string; bytes: number }
  | { event: 'cache.miss'; prefix: string; key: string }
  | { event: 'cache.coalesced'; prefix: string; key: string; durationMs: number }
  | { event: 'cache.loaded'; prefix: string; key: string; durationMs: number }
  | { event: 'cache.stored'; prefix: string; key: string; ttlMs: number; bytes: number }
  | { event: 'cache.no_store'; prefix: string; key: string; reason: NoStoreReason }
  | { event: 'cache.fallback'; prefix: string; key: string }
  | { event: 'cache.get_error'; prefix: string; key: string; reason: string }
  | { event: 'cache.set_error'; prefix: string; key: string; reason: string }
  | { event: 'cache.decode_error'; prefix: string; key: string }
  | { event: 'cache.invalidated'; tags: readonly string[]; durationMs: number }
  | { event: 'cache.invalidate_error'; tags: readonly string[]; reason: string };

/**
 * Why an answer was not stored: computed before a newer write, the method's own `unless`, an answer that belongs to one response only, a value that has no stored form, or a function of the
 * decorator that threw.
 */
export type NoStoreReason = 'newer-write' | NotStored;

/** The reasons that are known as soon as the method has run. */
export type NotStored = 'unless' | 'not-plain' | 'unserialisable' | 'rule-failed';

export type EmitCacheEvent = (event: CacheEvent) => void;
