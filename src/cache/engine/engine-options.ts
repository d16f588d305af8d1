import type { Backplane } from './backplane.js';
import type { BulkheadOptions } from './bulkhead.js';
import type { EmitCacheEvent } from './cache-events.js';
import type { Clock } from './clock.js';
import type { L1Entries } from './l1-entries.js';
import type { Store } from './store.js';
import type { Tracer } from './tracer.js';

/** What an engine is made of, and how long it waits. */
export interface EngineOptions {
  /** Absent: nothing is kept, every method runs. */
  readonly store: Store | undefined;
  /** Whether anything is kept; if not, invalidations still reach a store that others share. */
  readonly enabled: boolean;
  /** The entries of this process; the store's own, where the store is this process. */
  readonly l1: L1Entries;
  /** How invalidations by other processes are heard; absent where there are none. */
  readonly backplane?: Backplane | undefined;
  readonly clock: Clock;
  readonly emit: EmitCacheEvent;
  readonly tracer: Tracer;
  /** What one request may wait for the store, in ms. */
  readonly requestBudgetMs: number;
  /** What one invalidation may wait for the store, in ms. */
  readonly invalidationBudgetMs: number;
  /** What runs at a time while the store is away. */
  readonly bulkhead: Required<BulkheadOptions>;
  /** The part of a TTL that an entry may lose at random, 0 to 1. */
  readonly jitter: number;
  /** The part of the hits that is audited, 0 to 1. */
  readonly auditRate: number;
}
