import type { CacheEntry } from './cache-entry.js';
import type { NotStored } from './cache-events.js';

/** What is asked for: the entry's names, and what it depends on as far as that is known before it is computed. */
export interface Subject {
  readonly prefix: string;
  readonly key: string;
  readonly keyText: string;
  readonly shape: string;
  readonly tags: readonly string[];
  /** Whether the result itself names further tags. */
  readonly hasResultTags: boolean;
}

/** What a run of the method gave. Only what `isShareable` is handed to others who waited for the same run. */
export interface Produced<T> {
  readonly value: T;
  readonly isShareable: boolean;
  readonly entry?: {
    readonly body: Buffer;
    readonly ttlMs: number;
    readonly resultTags: readonly string[];
    readonly etag?: string;
  };
  readonly notStoredBecause?: NotStored;
}

export type Lookup =
  { readonly state: 'hit'; readonly entry: CacheEntry } | { readonly state: 'miss' | 'bypass' };

/** A value and how it was come by: the method ran, another's run was joined, or an entry had been stored meanwhile. */
export interface Loaded<T> {
  readonly value: T;
  readonly how: 'ran' | 'joined' | 'found';
  /** Whether it is being stored. */
  readonly isStored: boolean;
}
