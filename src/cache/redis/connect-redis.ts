import type { Clock } from '../engine/clock.js';
import { EPOCH } from '../engine/tags.js';
import { maskedUrl } from './redis-address.js';
import { RedisCluster } from './redis-cluster.js';
import type { EmitRedisEvent } from './redis-events.js';
import type { ResolvedRedisOptions } from './redis-options.js';
import type { RedisServers } from './redis-servers.js';
import { paceOfRefusals } from './reconnection-pace.js';
import { masterLocator } from './sentinel-locator.js';
import type { ServersOptions } from './servers-options.js';
import { channelOf, tokenKeyOf } from './shared-names.js';
import { SingleServer } from './single-server.js';

interface ConnectOptions {
  readonly namespace: string;
  readonly clock: Clock;
  readonly emit: EmitRedisEvent;
}

const HEARTBEAT_MS = 500;
const MAX_BACKOFF_MS = 500;
/** Short, since each attempt asks the sentinels again: the sooner it does, the sooner a failover is noticed. */
const SENTINEL_LIMITS = { connectTimeoutMs: 1000, maxBackoffMs: 250 };
/** How often the sentinels are asked whether the master in use is still the master. */
const FOLLOW_MS = 1000;

/** Makes the servers for these options; no connection is opened before {@link RedisServers.start}. */
export function connectRedis(
  redis: ResolvedRedisOptions,
  { namespace, clock, emit }: ConnectOptions,
): RedisServers {
  const { target, maxConnections, pool, retryOnTimeout, connectTimeoutMs, socketTimeoutMs } = redis;
  const options: ServersOptions = {
    url: maskedUrl(target),
    topology: target.kind === 'server' ? 'single' : target.kind,
    timings: {
      connectTimeoutMs,
      heartbeatMs: HEARTBEAT_MS,
      silenceLimitMs: socketTimeoutMs,
      slowMs: redis.commandTimeoutMs,
    },
    maxBackoffMs: MAX_BACKOFF_MS,
    clock,
    paceWhenRefused: paceOfRefusals(),
    maxConnections,
    pool,
    retryOnTimeout,
    channel: channelOf(namespace),
    epochKey: tokenKeyOf(namespace, EPOCH),
    emit,
  };
  switch (target.kind) {
    case 'server': {
      const address = { ...target.server, ...target.login };
      return new SingleServer(options, () => Promise.resolve(address));
    }
    case 'sentinel': {
      const { maxBackoffMs } = SENTINEL_LIMITS;
      const patienceMs = Math.min(SENTINEL_LIMITS.connectTimeoutMs, connectTimeoutMs);
      const timings = { ...options.timings, connectTimeoutMs: patienceMs };
      return new SingleServer(
        { ...options, timings, maxBackoffMs, followMs: FOLLOW_MS },
        masterLocator(target, patienceMs),
      );
    }
    case 'cluster':
      return new RedisCluster(options, target.nodes, target.login);
  }
}
