import type { Clock } from '../engine/clock.js';
import type { RedisTimings } from './redis-timings.js';
import type { ResolvedRedisOptions } from './redis-options.js';
import type { RedisTopology } from './redis-servers.js';
import type { ReconnectionPace } from './reconnection-pace.js';
import type { EmitRedisEvent } from './redis-events.js';

/** Options of every kind of {@link RedisServers}: complete, in milliseconds. */
export interface ServersOptions extends Pick<
  ResolvedRedisOptions,
  'maxConnections' | 'pool' | 'retryOnTimeout'
> {
  /** Fit for logs and answers. */
  readonly url: string;
  readonly topology: RedisTopology;
  readonly timings: RedisTimings;
  readonly clock: Clock;
  /** When to try again after a server has refused us. */
  readonly paceWhenRefused: ReconnectionPace;
  /** The longest time between two attempts to reach a server that is away, ms; up to half of it is added. */
  readonly maxBackoffMs: number;
  /** How often the server is located again although it answers, ms. Default: never. */
  readonly followMs?: number;
  /** Where invalidations are published. */
  readonly channel: string;
  /** The token of everything. */
  readonly epochKey: string;
  readonly emit: EmitRedisEvent;
}
