import type { CacheEntry } from './cache-entry.js';
import type { Spoiled } from './current-run.js';

/** Runs the method. */
export type Factory<T> = () => Promise<Produced<T>>;

/** What a run of the method gave. */
export interface Produced<T> {
  readonly value: T;
  /** Whether those who waited for the same run may be given the value, too. */
  readonly isShareable: boolean;
  /** What of it is to be kept; absent where nothing is. */
  readonly entry?: NewEntry;
  readonly notStoredBecause?: NotStored;
  /** What was thrown, where that is why nothing is kept. */
  readonly failedBy?: unknown;
  /** The name of a header, where that is why. */
  readonly header?: string;
  /** The caller was refused before the method ran. That says nothing to those who waited: they need another run. */
  readonly isRefused?: boolean | undefined;
}

/** What is to be kept of a run. */
export interface NewEntry {
  readonly body: Buffer;
  readonly ttlMs: number;
  /** Tags beside those of the subject that this call has named. */
  readonly namedTags: readonly string[];
  /** What belongs to the body without being in it, by name. */
  readonly head?: Readonly<Record<string, string>>;
}

/** Makes the value again from what was kept of a run. */
export type Revive<T> = (entry: CacheEntry) => T;

/** Why there is nothing to store of an answer, known as soon as the method has run. */
export type NotStored =
  /** The method's own `unless`. */
  | 'unless'
  /** A TTL of 0. */
  | 'no-ttl'
  /** Another status than 200. */
  | 'status'
  /** A header that the route does not store. */
  | 'header'
  /** No JSON object. */
  | 'not-plain'
  /** A value that has no stored form. */
  | 'unserialisable'
  /** A function of the decorator that threw. */
  | 'rule-failed'
  /** An interceptor that answered in the handler's place. */
  | 'handler-skipped'
  /** Made of something beyond its TTL, or of what was read in a transaction that began outside of the run. */
  | Spoiled;

/** Why an answer was not stored. */
export type NoStoreReason =
  | NotStored
  /** Computed before a newer write. */
  | 'newer-write'
  /** A run that began later, in this process, has been stored already. */
  | 'newer-run'
  /** The store gave no token of something it depends on: nothing would tell of an invalidation. */
  | 'no-token'
  /** Begun before it was known that arguments name further tags. */
  | 'tags-unknown';

/** A value, and where it comes from. */
export interface Loaded<T> {
  readonly value: T;
  /**
   * `ran`: the method ran for this caller. `joined`: another's run gave it. `found`: it had been stored meanwhile. `stale`: an
   * expired entry, since the run failed or took too long. `paused`: the same without a run, since one had just failed.
   */
  readonly how: 'ran' | 'joined' | 'found' | 'stale' | 'paused';
  /** Whether it is being stored. */
  readonly isStored: boolean;
  /** Why not, where that is known by now. */
  readonly notStoredBecause?: NoStoreReason | 'store-away' | 'switched-off' | undefined;
}
