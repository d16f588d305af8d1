import type { CacheModuleEvent } from './cache.options.js';
import { CacheEngine } from './engine/cache-engine.js';
import type { CacheEvent } from './engine/cache-events.js';
import { CacheStatistics } from './engine/cache-statistics.js';
import { resultWithin, systemClock } from './engine/clock.js';
import { ignoringRejection } from './engine/ignoring-rejection.js';
import { L1Entries } from './engine/l1-entries.js';
import type { Store } from './engine/store.js';
import { guarded } from './engine/tracer.js';
import { OutboxBacklog } from './outbox/outbox-backlog.js';
import { OutboxRelay } from './outbox/outbox-relay.js';
import { connectRedis } from './redis/connect-redis.js';
import type { RedisServers } from './redis/redis-servers.js';
import { RedisService } from './redis/redis.service.js';
import type { ResolvedOptions } from './resolve-options.js';
import { FollowingStore } from './stores/following.store.js';
import { MemoryStore } from './stores/memory.store.js';
import { isFollowed } from './stores/outbox-follower.js';
import { RedisStore } from './stores/redis.store.js';

const INVALIDATION_BUDGET_MS = 150;
/** In real time, since Redis knows nothing of a test's clock. A server near by answers within a tenth of it. */
const REDIS_PATIENCE_MS = 500;

/** Makes and joins the parts of one application's cache: the only place that knows them all. */
export class CacheParts {
  readonly statistics = new CacheStatistics();
  readonly store: Store | undefined;
  readonly engine: CacheEngine;
  readonly redis: RedisService;
  readonly servers: RedisServers | undefined;
  readonly backlog: OutboxBacklog;
  readonly following: FollowingStore | undefined;
  readonly #redisStore: RedisStore | undefined;
  readonly #relay: OutboxRelay | undefined;
  /** Resolves with the first news of Redis, good or bad. */
  readonly #firstNews: Promise<void>;

  constructor(readonly options: ResolvedOptions) {
    const { enabled, redis, namespace, clock, outbox, requestBudgetMs } = options;
    const l1 = new L1Entries(clock, options.maxBytes);
    let tellFirstNews: () => void = () => undefined;
    this.#firstNews = new Promise((told) => (tellFirstNews = told));
    const hearRedis = (event: CacheModuleEvent) => {
      this.tell(event);
      if (event.event === 'cache.ready') this.engine.background.add(this.#tellServer());
      if (event.event === 'cache.ready' || event.event === 'cache.disabled') tellFirstNews();
    };
    this.servers = redis && connectRedis(redis, { namespace, clock, emit: hearRedis });
    if (this.servers) this.#redisStore = new RedisStore(this.servers, namespace, this.tell, outbox);
    this.store = this.#redisStore ?? options.store ?? (enabled ? new MemoryStore(clock, l1) : undefined);
    if (enabled && this.#redisStore && isFollowed(outbox) && options.maxBytes > 0)
      this.following = new FollowingStore(this.#redisStore, outbox, clock, l1);
    this.redis = new RedisService(this.servers, namespace, requestBudgetMs, this.tell);
    this.engine = new CacheEngine({
      ...options,
      store: this.following ?? this.store,
      backplane: this.servers?.backplane ?? options.backplane,
      l1,
      invalidationBudgetMs: INVALIDATION_BUDGET_MS,
      tracer: guarded(options.tracer),
      emit: this.emit,
    });
    this.backlog = new OutboxBacklog(outbox, clock);
    if (outbox) {
      outbox.serve?.(namespace);
      const apply = (tags: readonly string[]) => this.engine.invalidate(tags);
      const canApply = () => this.store?.isAvailable() ?? false;
      this.#relay = new OutboxRelay(outbox, apply, canApply, clock);
    }
  }

  /** Counts what the cache does, and tells of it. */
  readonly emit = (event: CacheEvent): void => {
    this.statistics.record(event);
    this.tell(event);
  };

  /** Never throws: whoever listens must not be able to break an answer. */
  readonly tell = (event: CacheModuleEvent): void => {
    try {
      const listen: (event: CacheModuleEvent) => unknown = this.options.onEvent;
      ignoringRejection(listen(event));
    } catch {
      // A failure of the listener is no failure of the cache.
    }
  };

  /** Connects. Not before everything else is made: nobody closes the connections of an application that cannot start. */
  start(): void {
    const store = this.#redisStore;
    if (store) this.servers?.start((...used) => store.beforeUse(...used));
    this.#relay?.start();
  }

  /** What is written or asked for at the very start would find no connection yet: Redis is waited for, but not long. */
  async waitForRedis(): Promise<void> {
    if (this.servers) await resultWithin(systemClock, REDIS_PATIENCE_MS, this.#firstNews);
  }

  async close(): Promise<void> {
    await this.#relay?.stop();
    await this.engine.close();
    await this.#redisStore?.payOwed(INVALIDATION_BUDGET_MS);
    await this.servers?.close();
  }

  async #tellServer(): Promise<void> {
    const stats = await this.redis.stats();
    if (!stats) return;
    const { version, connectedClients, usedMemoryHuman: usedMemory } = stats;
    this.tell({ event: 'cache.server_info', version, connectedClients, usedMemory });
  }
}
