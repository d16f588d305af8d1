import type { Clock } from '../../src/cache/engine/clock.js';
import { systemClock } from '../../src/cache/engine/clock.js';
import type { Outbox } from '../../src/cache/outbox/outbox.js';
import { connectRedis } from '../../src/cache/redis/connect-redis.js';
import type { RedisOptions } from '../../src/cache/redis/redis-options.js';
import type { RedisEvent } from '../../src/cache/redis/redis-events.js';
import type { RedisServers } from '../../src/cache/redis/redis-servers.js';
import { resolveRedisOptions } from '../../src/cache/resolve-options.js';
import { RedisStore } from '../../src/cache/stores/redis.store.js';
import { pollUntil } from './processes.js';

export interface OpenStore {
  readonly store: RedisStore;
  readonly servers: RedisServers;
  /** Everything told so far. */
  readonly events: readonly RedisEvent[];
  /** Resolves when it can be asked. */
  available(withinMs?: number): Promise<void>;
  close(): Promise<void>;
}

/** A store as a process of its own would have it, without the application around it. */
export function openStore(
  redis: RedisOptions,
  {
    namespace = '',
    outbox,
    clock = systemClock,
  }: { namespace?: string; outbox?: Outbox; clock?: Clock } = {},
): OpenStore {
  const events: RedisEvent[] = [];
  // A busy machine must not look like a slow Redis, except where the limit itself is tested.
  const options = resolveRedisOptions({ commandTimeoutMs: 1000, ...redis }, 'test');
  const emit = (event: RedisEvent) => void events.push(event);
  const servers = connectRedis(options, { namespace, clock, emit });
  const store = new RedisStore(servers, namespace, emit, outbox);
  servers.start((...used) => store.beforeUse(...used));
  return {
    store,
    servers,
    events,
    available: (withinMs = 5000) => pollUntil(() => store.isAvailable(), withinMs),
    close: () => servers.close(),
  };
}
