import type { RedisTarget, RedisTargetOptions } from './redis-address.js';

/** Where Redis is, and how this process connects to it. */
export interface RedisOptions extends RedisTargetOptions {
  /**
   * Upper bound of this process's connections, the one that hears of invalidations included. Default 50. On a cluster that
   * grows, its new masters come on top.
   */
  maxConnections?: number;
  /** Spread commands over all `maxConnections`. Default false: one connection pipelines them all, one stands by. */
  pool?: boolean;
  /** How long a heartbeat may stay unanswered before its connection is given up, ms, 100 to 1,000. Default 1,000. */
  socketTimeoutMs?: number;
  /** TCP, TLS and handshake together, ms; with sentinels 1,000 at most. Default 5,000. */
  connectTimeoutMs?: number;
  /** Ask a read on the standby connection, too, when half of its budget is over. Default true. */
  retryOnTimeout?: boolean;
  /** How long one request may wait for Redis, all its calls together, ms; each has 10 at least. Default 50. */
  commandTimeoutMs?: number;
}

/** {@link RedisOptions}, complete and checked. */
export interface ResolvedRedisOptions extends Readonly<
  Required<Omit<RedisOptions, keyof RedisTargetOptions>>
> {
  readonly target: RedisTarget;
}
