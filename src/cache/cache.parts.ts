import type { CacheModuleEvent, CacheModuleOptions } from './cache.options.js';
import { CacheEngine } from './engine/cache-engine.js';
import { CacheError } from './engine/cache-errors.js';
import { CacheStatistics } from './engine/cache-statistics.js';
import { systemClock } from './engine/clock.js';
import { NearEntries } from './engine/near-entries.js';
import type { Store } from './engine/store.js';
import type { Outbox } from './outbox/outbox.js';
import { OutboxRelay } from './outbox/outbox-relay.js';
import { connectRedis, DEFAULT_COMMAND_TIMEOUT_MS } from './redis/connect-redis.js';
import type { RedisServers } from './redis/redis-servers.js';
import { RedisService } from './redis/redis.service.js';
import { MemoryStore } from './stores/memory.store.js';
import { RedisStore } from './stores/redis.store.js';

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
const INVALIDATION_BUDGET_MS = 150;
const DEFAULT_AUDIT_RATE = 0.001;

/** Everything one application's cache is made of. The module alone joins these. */
export class CacheParts {
  readonly statistics = new CacheStatistics();
  /** Never throws, whatever the listener does. */
  readonly emit: (event: CacheModuleEvent) => void;
  readonly store: Store | undefined;
  readonly near: NearEntries;
  readonly engine: CacheEngine;
  readonly redis: RedisService;
  readonly servers: RedisServers | undefined;
  readonly outbox: Outbox | undefined;
  readonly #relay: OutboxRelay | undefined;

  constructor(options: CacheModuleOptions) {
    const { redis, namespace = '', clock = systemClock, enabled = true, jitter = 0.1 } = options;
    const { auditRate = DEFAULT_AUDIT_RATE } = options;
    if (!/^[\w.:-]*$/.test(namespace)) {
      throw new CacheError(
        'CACHE_INVALID_OPTIONS',
        `the namespace '${namespace}' may hold only letters, digits and . : - _`,
      );
    }
    if (redis && options.store) {
      throw new CacheError('CACHE_INVALID_OPTIONS', 'either redis or a store of your own, not both');
    }
    if (!(auditRate >= 0 && auditRate <= 1)) {
      throw new CacheError('CACHE_INVALID_OPTIONS', 'auditRate is a part of the hits, 0 to 1');
    }
    const emit = (event: CacheModuleEvent) => {
      try {
        options.onEvent?.(event);
      } catch {
        // Whoever listens must not be able to break an answer.
      }
    };
    this.emit = emit;
    this.near = new NearEntries(clock, options.maxBytes ?? DEFAULT_MAX_BYTES);
    const requestBudgetMs = redis?.commandTimeoutMs ?? DEFAULT_COMMAND_TIMEOUT_MS;
    this.servers =
      redis &&
      connectRedis(redis, {
        namespace,
        clock,
        emit: (event) => {
          emit(event);
          if (event.event === 'cache.ready') this.engine.keep(this.#tellServer());
        },
      });
    this.outbox = enabled && (redis ?? options.store) ? options.outbox : undefined;
    if (this.servers) {
      const store = enabled ? new RedisStore(this.servers, namespace, options.outbox) : undefined;
      this.servers.start((...used) => store?.beforeUse(...used) ?? Promise.resolve());
      this.store = store;
    } else if (enabled) {
      this.store = options.store ?? new MemoryStore(clock, this.near);
    }
    this.redis = new RedisService(this.servers, namespace, requestBudgetMs, emit);
    this.engine = new CacheEngine({
      store: this.store,
      backplane: this.servers?.backplane ?? options.backplane,
      near: this.near,
      jitter,
      auditRate,
      tracer: options.tracer,
      bulkhead: options.bulkhead,
      clock,
      requestBudgetMs,
      invalidationBudgetMs: INVALIDATION_BUDGET_MS,
      emit: (event) => {
        this.statistics.record(event);
        emit(event);
      },
    });
    if (this.outbox) {
      const apply = (tags: readonly string[]) => this.engine.invalidate(tags);
      this.#relay = new OutboxRelay(this.outbox, apply, () => this.store?.isAvailable() ?? false);
      this.#relay.start();
    }
  }

  async close(): Promise<void> {
    await this.#relay?.stop();
    await this.engine.close();
    await this.servers?.close();
  }

  async #tellServer(): Promise<void> {
    const stats = await this.redis.stats();
    if (!stats) return;
    const { version, connectedClients, usedMemoryHuman: usedMemory } = stats;
    this.emit({ event: 'cache.server_info', version, connectedClients, usedMemory });
  }
}
