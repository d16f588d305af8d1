import type { CacheEntry } from './cache-entry.js';

/** The message of the `CACHE_STORE_UNAVAILABLE` with which a store refuses an entry that is too large. */
export const TOO_LARGE = 'too-large';

/** The two names of an entry: the whole text in this process, a short key in a shared store. */
export interface EntryName {
  readonly keyText: string;
  readonly key: string;
}

/** An entry as a store holds it. */
export interface StoredEntry {
  readonly entry: CacheEntry;
  /** How long the store will still keep it: what is left of `ttlMs + graceMs`, by the store's own clock, ms. */
  readonly leftMs: number;
}

/** What lies under a name, and the present tokens of the tags that were asked for, in their order. */
export interface StoreRead {
  readonly stored: StoredEntry | undefined;
  /** Whether something lies there that is no entry of ours. */
  readonly isUnreadable: boolean;
  readonly tokens: readonly (string | undefined)[];
}

/** What lies under a name where nothing does. */
export const NOTHING_STORED = { stored: undefined, isUnreadable: false } as const;

/** A right to run the method for all processes, until `ttlMs` have passed without a renewal. */
export interface Lease {
  readonly owner: string;
  readonly ttlMs: number;
}

/** What {@link Store.open} found, and whether it gave the lease. */
export interface StoreOpened extends StoreRead {
  /** Whether the lease is the owner's now. True when none was asked for. */
  readonly hasLease: boolean;
  /**
   * Whether each process runs the method for itself, as what they share is away: nobody waits for another, and all of them
   * together could be too much for the source, so the run goes through the bulkhead. Default: no.
   */
  readonly isPerProcess?: boolean;
}

/**
 * A place where entries, tokens and leases live. A shared suite (`test/contract`) holds every store to this contract.
 *
 * A token is an opaque text that is never used twice for one tag: two random halves, `hard.soft`. A store may lose
 * entries, tokens and leases at any time (eviction, restart); it may never invent one. Every method rejects with
 * `CACHE_STORE_UNAVAILABLE` when it cannot answer within its budget, and never hangs.
 */
export interface Store {
  /** What the statistics call it. */
  readonly kind: 'memory' | 'redis';

  /**
   * Whether other processes may write and invalidate here, too. Then a process asks about what it holds before it serves that,
   * unless a backplane tells it of invalidations.
   */
  readonly isShared: boolean;

  /** Whether asking makes sense now. May be wrong for a moment in either direction. */
  isAvailable(): boolean;

  /** Whether all of it can be asked now: of a cluster each master. Default: as {@link isAvailable} says. */
  isWhole?(): boolean;

  /**
   * Whether the part of it that has this tag, or what is kept under this name, cannot be asked now. A question with a name that
   * is away is still answered for its tags: nothing is found under the name, and nothing leased. Default: all of it is away
   * unless it {@link isAvailable}.
   */
  isAway?(what: string | EntryName): boolean;

  /** As {@link StoreOpened.isPerProcess}, whatever is asked for now. Default: no. */
  isPerProcess?(): boolean;

  /** The entry, and the tokens of `tags`. */
  read(name: EntryName, tags: readonly string[], budgetMs: number): Promise<StoreRead>;

  /**
   * As {@link read}, but first gives every tag a token that has none, atomically, renews their lifetime where that was
   * shorter, and takes or renews the lease unless it is another's.
   */
  open(
    name: EntryName,
    tags: readonly string[],
    tokenTtlMs: number,
    budgetMs: number,
    lease?: Lease,
  ): Promise<StoreOpened>;

  /** The tokens alone. One call carries the tags of many requests. */
  tokens(tags: readonly string[], budgetMs: number): Promise<readonly (string | undefined)[]>;

  /** Tags of one partition are answered by one server: one that hangs must not hold up the others' answers. */
  partitionOf(tag: string): string;

  /**
   * Keeps an entry for `ttlMs + graceMs`, above zero. Rejects with {@link TOO_LARGE} an entry that it would never take.
   *
   * @param usableUntilMs  when that ends, by the monotonic clock of this process: an entry is no younger for being written
   *   late. Default: counted from when it is written
   * @param owner          whose lease is given back behind it, as by {@link releaseLease}, so that who is given that next finds
   *   the entry. A lease that cannot be given back runs out, and is no reason to reject. Default: nobody's
   */
  write(name: EntryName, entry: CacheEntry, usableUntilMs?: number, owner?: string): Promise<void>;

  /**
   * Takes the tokens of `hard` away, in this order, then gives those of `soft` that exist another soft half. When it
   * resolves, no reader sees the old ones any more, and the backplane has been told.
   */
  invalidate(hard: readonly string[], soft: readonly string[], budgetMs: number): Promise<void>;

  /** @returns whether the lease is still the owner's */
  renewLease(name: EntryName, lease: Lease): Promise<boolean>;

  /** Gives a lease back that is the owner's, and leaves another's alone. */
  releaseLease(name: EntryName, owner: string): Promise<void>;

  /** What it holds now; `undefined` where the store does not know. */
  size(): { entries: number | undefined; bytes: number | undefined };
}

/** As {@link Store.isAway}, or its default. */
export function isAway(store: Store, what: string | EntryName): boolean {
  return store.isAway?.(what) ?? !store.isAvailable();
}
