import type { Spoiled } from './current-run.js';
import type { CacheEntry } from './cache-entry.js';
import { storeKey } from './cache-key.js';
import type { EntryPolicy } from './entry-policy.js';
import type { EntryName } from './store.js';
import { EPOCH, LONGEST_NAME } from './tags.js';

/** Tags that only a call names: by its result, or by its arguments as they were converted. */
export interface FurtherTags {
  /** Whether it may name any; a call may find that out, for those that wait for it, too. */
  readonly mayBeNamed: boolean;
  /** A tag of each family that they may be of, such as `tag/roster`. Default: they may be of any. */
  readonly families?: readonly string[] | undefined;
}

interface SubjectParts {
  readonly prefix: string;
  readonly keyText: string;
  readonly shape: string;
  readonly policy: EntryPolicy;
  /** Default: none. */
  readonly furtherTags?: FurtherTags;
  /** What it depends on beside {@link EPOCH}, as far as that is known before it is computed. Called at most once. */
  readonly tags: () => readonly string[];
}

const NONE: FurtherTags = { mayBeNamed: false };

/** What is asked for. Its short key and its tags are made when somebody needs them; a hit in this process does not. */
export class Subject implements EntryName {
  readonly prefix: string;
  readonly keyText: string;
  readonly shape: string;
  readonly policy: EntryPolicy;
  readonly furtherTags: FurtherTags;
  readonly #makeTags: () => readonly string[];
  #tags: readonly string[] | undefined;
  #key: string | undefined;

  constructor(parts: SubjectParts) {
    this.prefix = parts.prefix;
    this.keyText = parts.keyText;
    this.shape = parts.shape;
    this.policy = parts.policy;
    this.furtherTags = parts.furtherTags ?? NONE;
    this.#makeTags = parts.tags;
  }

  get key(): string {
    return (this.#key ??= storeKey(this.prefix, this.keyText));
  }

  /** Names it in what a process remembers. Whoever asks chooses how long the whole text is. */
  get name(): string {
    return this.keyText.length > LONGEST_NAME ? this.key : this.keyText;
  }

  /** What it depends on whatever its result names. */
  get tags(): readonly string[] {
    return (this.#tags ??= [EPOCH, ...this.#makeTags()]);
  }
}

/** Why an answer has nothing to be stored, known as soon as the method has run. */
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

/** What a run of the method gave. Only what `isShareable` is handed to others who waited for the same run. */
export interface Produced<T> {
  readonly value: T;
  readonly isShareable: boolean;
  readonly entry?: NewEntry;
  readonly notStoredBecause?: NotStored;
  /** What was thrown, where that is why. */
  readonly failedBy?: unknown;
  /** The caller was refused before the method: that says nothing to those who waited, and they begin anew. */
  readonly isRefused?: boolean | undefined;
}

/** Runs the method. */
export type Factory<T> = () => Promise<Produced<T>>;

/** Makes the value from what was kept of a run. */
export type Revive<T> = (entry: CacheEntry) => T;

/** What is to be kept of a run. */
export interface NewEntry {
  readonly body: Buffer;
  readonly ttlMs: number;
  /** The {@link FurtherTags} that this call has named. */
  readonly namedTags: readonly string[];
  /** What belongs to the body without being in it, by name. */
  readonly head?: Readonly<Record<string, string>>;
}

/** An entry that may be served, and where it stands in its life. */
export interface Found {
  readonly entry: CacheEntry;
  readonly ageMs: number;
  /** What is left of its TTL, ms; negative when it is stale. */
  readonly freshForMs: number;
}

export interface Hit {
  readonly state: 'hit';
  readonly found: Found;
  /** What this caller should also have done with it, behind their answer. */
  readonly behind: 'refresh' | 'audit' | undefined;
}

export type Lookup =
  | Hit
  /** Beyond its TTL and within grace: good if nothing better is to be had in time. */
  | { readonly state: 'stale'; readonly found: Found }
  /** `bypass`: the store did not answer. `switched-off`: nothing is kept at all. */
  | { readonly state: 'miss' | 'bypass' | 'switched-off' };

/** In place of a look-up: the caller asked for a new answer, and may have one made. */
export interface Renewal {
  readonly state: 'renewal';
  /** Whether the store is away, so that it cannot be kept. */
  readonly isPastCache: boolean;
}

/**
 * A value and how it was come by: the method ran, another's run was joined, an entry had been stored meanwhile, the stale
 * one had to do, or it had to do without a run, for one had just failed.
 */
export interface Loaded<T> {
  readonly value: T;
  readonly how: 'ran' | 'joined' | 'found' | 'stale' | 'paused';
  /** Whether it is being stored. */
  readonly isStored: boolean;
  /** Why not, where that is known by now. */
  readonly notStoredBecause?: NoStoreReason | 'store-away' | 'switched-off' | undefined;
}
