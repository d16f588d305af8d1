import type { HeldEntry } from './held-entry.js';
import type { LoadLease } from './load-lease.js';
import type { Tokens } from './tokens.js';

/** When the store was asked. */
export interface Asked {
  /** How far the {@link InvalidationLog} was before. */
  readonly logPosition: number;
  readonly atMs: number;
}

/**
 * What a run begins with: the tokens of all that its result may depend on, and the lease, to be given back after it; or the
 * entry that makes a run needless.
 */
export interface Opening extends Asked {
  readonly held: HeldEntry | undefined;
  readonly tokens: Tokens;
  /** How long these live, if nobody renews them. */
  readonly tokenTtlMs: number;
  readonly lease: LoadLease;
  /** Whether it was granted, or not asked for: this process may run the method. */
  readonly hasLease: boolean;
  /** As {@link StoreOpened.isPerProcess}. */
  readonly isPerProcess: boolean;
  /** Whether another version of the program keeps a good entry there: it is left to it. */
  readonly isForeign: boolean;
}
