import type { OfRequest } from './definition/cache-request.js';
import type { EntryDefaults } from './definition/entry-options.js';
import type { Backplane } from './engine/backplane.js';
import type { BulkheadOptions } from './engine/bulkhead.js';
import type { CacheEvent } from './engine/cache-events.js';
import type { Clock } from './engine/clock.js';
import type { Store } from './engine/store.js';
import type { Tracer } from './engine/tracer.js';
import type { Outbox } from './outbox/outbox.js';
import type { RedisEvent } from './redis/redis-events.js';
import type { RedisOptions } from './redis/redis-options.js';

/** What {@link CacheModule.forRoot} takes. Everything is optional: without `redis` the cache lives in this process. */
export interface CacheModuleOptions extends EntryDefaults {
  /**
   * What this cache is called: in `Cache-Status`, and with `-cache` behind it in Redis's `CLIENT LIST`. A token of
   * RFC 9110 that begins with a letter. Default `cache`.
   *
   * @see RFC 9211 section 2
   */
  name?: string;
  /**
   * Off: every method runs, nothing is stored, answers say `BYPASS`; invalidations still reach those who share the Redis.
   * Default true.
   */
  enabled?: boolean;
  /** Where Redis is. Absent: the cache is in this process, and serves this process only. */
  redis?: RedisOptions | undefined;
  /** Put in front of every key in Redis as it is, so that two applications can share one: `shop:`. Default none. */
  namespace?: string;
  /**
   * Upper bound of the entries held in this process, in bytes. 0 leaves them to Redis or `store` alone, and is refused where
   * there is neither. Default 64 MiB.
   */
  maxBytes?: number;
  /** The part of a TTL, 0 to 1, that an entry may lose at random: what was stored together shall not expire together. Default 0.1. */
  jitter?: number;
  /**
   * The part of the hits, 0 to 1, that is audited at least: checked against its source behind the answer. Above 0.5 all are.
   * Default 0.001; less where that would take more than a hundredth of the time.
   */
  auditRate?: number;
  /** What runs at a time while Redis is away. Default: 32 at a time, 1,000 waiting for at most 2 s. */
  bulkhead?: BulkheadOptions;
  /**
   * Asked before a route's method runs, to shed load early: what it throws is the answer, and nothing has been done for the run
   * yet. It may return a promise. It is asked for each request that needs a run of its own: not where a run under way or an
   * expired answer will do, nor while the store is away, when `bulkhead` decides. For a request that is not looked up at all it
   * is always asked. Default: every method may run.
   */
  admission?: () => unknown;
  /** Also keep bodies over 1 KiB compressed, and send them so to clients that accept it. Default true. */
  compress?: boolean;
  /**
   * Keeps invalidations that a crash or an outage would lose: `TypeormOutbox`, or {@link MemoryOutbox}, which promises
   * less. It keeps them only with Redis or a `store` that is shared, since the in-process store dies with its process. Also
   * without one, a `TypeormOutbox` sees what is read in a transaction, so that it is not kept. Default none.
   */
  outbox?: Outbox | undefined;
  /** Who is calling, for `scope: 'user'`. `undefined`: the answer is not cached. */
  principal?: OfRequest<string | undefined> | undefined;
  /** On whose behalf, for `scope: 'tenant'`. `undefined`: the answer is not cached. */
  tenant?: OfRequest<string | undefined> | undefined;
  /** Parameter decorators that only read the principal; routes with `scope: 'user'` may use them. */
  principalDecorators?: readonly (() => ParameterDecorator)[];
  /**
   * Names the form of what a route answers, such as a hash of its schema: processes that know another never read each
   * other's entries. Asked once for each route that names no `shape` of its own. Default: nobody knows.
   */
  shapeOf?: (route: CachedRoute) => string | undefined;
  /**
   * Receives every event; for logs, through {@link withoutRepeats}. What it throws, or rejects with, is ignored, and nobody
   * waits for it. Default: what somebody should know goes to Nest's logger.
   */
  onEvent?: (event: CacheModuleEvent) => void;
  /** Puts spans around runs and invalidations. Default: nobody traces. */
  tracer?: Tracer;
  /** In place of `redis`: a store that the application brings, such as a `FaultyStore` of the test kit. Default none. */
  store?: Store;
  /** Only with `store`: how invalidations by other processes are heard. Default: there are no others. */
  backplane?: Backplane;
  /** Default: the system's clock. */
  clock?: Clock;
}

/** Everything the cache has to tell, its connection and its decorators included. */
export type CacheModuleEvent = CacheEvent | RedisEvent | GraphEvent;

/** A line of the report on who keeps what and who invalidates it, when the application starts. */
export interface GraphEvent {
  readonly event: 'cache.graph';
  readonly line: string;
}

/** A route as its application knows it. */
export interface CachedRoute {
  readonly controller: { readonly name: string };
  readonly handler: string;
}
