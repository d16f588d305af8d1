/** An entry's bytes and the present tokens of the tags that were asked for, in their order. */
export interface StoreRead {
  readonly entry: Buffer | undefined;
  readonly tokens: readonly (string | undefined)[];
}

/**
 * A place where entries and tokens live. A shared suite (`test/contract`) holds every store to this contract.
 *
 * A token is an opaque text that is never used twice for one tag. A store may lose entries and tokens at any time
 * (eviction, restart); it may never invent one. Every method rejects with `CACHE_STORE_UNAVAILABLE` when it cannot
 * answer within its budget, and never hangs.
 */
export interface Store {
  readonly kind: 'memory' | 'redis';

  /** Whether asking makes sense now. May be wrong for a moment in either direction. */
  isAvailable(): boolean;

  /** What lies under `key`, and the tokens of `tags`. */
  read(key: string, tags: readonly string[], budgetMs: number): Promise<StoreRead>;

  /** As {@link read}, but first gives every tag a token that has none, atomically, and renews their lifetime. */
  open(key: string, tags: readonly string[], tokenTtlMs: number, budgetMs: number): Promise<StoreRead>;

  /** Puts an entry in place for `ttlMs`, above zero. */
  write(key: string, entry: Buffer, ttlMs: number): Promise<void>;

  /** Takes the tokens of `tags` away, in this order. When it resolves, no reader sees them any more. */
  drop(tags: readonly string[], budgetMs: number): Promise<void>;

  /** What it holds now; `undefined` where the store does not know. */
  size(): { entries: number | undefined; bytes: number | undefined };
}
