import type { CacheModuleEvent, CacheModuleOptions, RedisOptions } from './cache.options.js';
import { CacheEngine } from './engine/cache-engine.js';
import { CacheError } from './engine/cache-errors.js';
import { CacheStatistics } from './engine/cache-statistics.js';
import { systemClock } from './engine/clock.js';
import { NearEntries } from './engine/near-entries.js';
import type { Store } from './engine/store.js';
import type { Outbox } from './outbox/outbox.js';
import { OutboxRelay } from './outbox/outbox-relay.js';
import { parseRedisAddress } from './redis/redis-address.js';
import type { RedisClient } from './redis/redis-connection.js';
import { RedisConnections } from './redis/redis-connections.js';
import { RedisService } from './redis/redis.service.js';
import { MemoryStore } from './stores/memory.store.js';
import { RedisStore } from './stores/redis.store.js';

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
const DEFAULT_COMMAND_TIMEOUT_MS = 50;
const INVALIDATION_BUDGET_MS = 150;
/** A server that has not answered a heartbeat for a second is given up, however patient the socket may be. */
const SILENCE_LIMIT_MS = 1000;
const MAX_BACKOFF_MS = 2000;

/** Everything one application's cache is made of. The module alone joins these. */
export class CacheParts {
  readonly statistics = new CacheStatistics();
  readonly store: Store | undefined;
  readonly near: NearEntries;
  readonly engine: CacheEngine;
  readonly redis: RedisService;
  readonly outbox: Outbox | undefined;
  readonly emit: (event: CacheModuleEvent) => void;
  readonly #connections: RedisConnections | undefined;
  readonly #relay: OutboxRelay | undefined;

  constructor(options: CacheModuleOptions) {
    const { redis, namespace = '', clock = systemClock, enabled = true, jitter = 0.1 } = options;
    if (!/^[\w.:-]*$/.test(namespace)) {
      throw new CacheError(
        'CACHE_INVALID_OPTIONS',
        `the namespace '${namespace}' may hold only letters, digits and . : - _`,
      );
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
    const address = redis && parseRedisAddress(redis.url, redis.password);
    const requestBudgetMs = redis?.commandTimeoutMs ?? DEFAULT_COMMAND_TIMEOUT_MS;

    if (redis && address) {
      // The store checks every connection before it is used, and the connections are what the store uses.
      let beforeUse = (_client: RedisClient, _isNew: boolean): Promise<void> => Promise.resolve();
      this.#connections = new RedisConnections({
        address,
        ...connectionOptions(redis, requestBudgetMs),
        beforeUse: (client, isNew) => beforeUse(client, isNew),
        emit,
      });
      const store = new RedisStore(this.#connections, namespace, options.outbox);
      beforeUse = (client, isNew) => store.beforeUse(client, isNew);
      this.store = enabled ? store : undefined;
      this.outbox = enabled ? options.outbox : undefined;
    } else {
      this.store = enabled ? new MemoryStore(clock, this.near) : undefined;
    }
    this.redis = new RedisService(this.#connections, address, namespace, requestBudgetMs, emit);
    this.engine = new CacheEngine({
      store: this.store,
      near: this.near,
      jitter,
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
    this.#relay = this.outbox && new OutboxRelay(this.outbox, (tags) => this.engine.invalidate(tags));
    this.#relay?.start();
  }

  async close(): Promise<void> {
    await this.#relay?.stop();
    await this.engine.settle();
    await this.#connections?.close();
  }
}

function connectionOptions(redis: RedisOptions, trustedReplyMs: number) {
  const { maxConnections = 50, pool = false, retryOnTimeout = true } = redis;
  const { connectTimeoutMs = 5000, socketTimeoutMs = 5000 } = redis;
  if (!Number.isInteger(maxConnections) || maxConnections < 1) {
    throw new CacheError('CACHE_INVALID_OPTIONS', 'maxConnections must be a whole number of at least 1');
  }
  return {
    timings: {
      connectTimeoutMs,
      silenceLimitMs: Math.min(socketTimeoutMs, SILENCE_LIMIT_MS),
      trustedReplyMs,
      maxBackoffMs: MAX_BACKOFF_MS,
    },
    connections: pool ? maxConnections : Math.min(2, maxConnections),
    spread: pool,
    retryOnTimeout,
  };
}
