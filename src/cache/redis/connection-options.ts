import type { Clock } from '../engine/clock.js';
import type { BreakerState } from './circuit-breaker.js';
import type { ReconnectionPace } from './reconnection-pace.js';
import type { RedisAddress } from './redis-address.js';
import type { RedisSession } from './redis-session.js';
import type { RedisTimings } from './redis-timings.js';

/** Where a connection leads, how long it waits, and what it reports. */
export interface ConnectionOptions {
  /** Says where to connect to. Called before every attempt; must not hang. */
  readonly locate: () => Promise<RedisAddress>;
  readonly timings: RedisTimings;
  readonly clock: Clock;
  /** When to try again after a server has refused us; one for all connections of the process. */
  readonly paceWhenRefused: ReconnectionPace;
  /** When to try again while the server is away; one for all connections to it. */
  readonly paceWhenAway: ReconnectionPace;
  /** Runs on a new connection, and after every heartbeat, before its answers are trusted (again). */
  readonly beforeUse: (session: RedisSession, isNew: boolean) => Promise<void>;
  readonly onReady: (session: RedisSession) => void;
  /** @param delayMs  until the next attempt */
  readonly onLost: (reason: string, attempt: number, delayMs: number) => void;
  readonly onBreaker?: (state: BreakerState) => void;
  /** @param sentAtMs  when the heartbeat that has just been answered was sent, by the monotonic clock */
  readonly onHeartbeat?: (session: RedisSession, sentAtMs: number) => void;
}
