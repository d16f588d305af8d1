import type { Clock } from '../engine/clock.js';
import type { BreakerState } from './circuit-breaker.js';
import type { ReconnectionPace } from './reconnection-pace.js';
import type { RedisAddress } from './redis-address.js';
import type { RedisSession } from './redis-session.js';
import type { RedisTimings } from './redis-timings.js';

/** Where a connection leads, how patient it is, and who is told what becomes of it. */
export interface ConnectionOptions {
  /** Where to connect to; asked before every attempt, and never hangs. */
  readonly locate: () => Promise<RedisAddress>;
  readonly timings: RedisTimings;
  readonly clock: Clock;
  /** When to try again where we are not let in; one for all connections of the process. */
  readonly paceWhenRefused: ReconnectionPace;
  /** When to try again where the server is away; one for all that lead to it. */
  readonly paceWhenAway: ReconnectionPace;
  /** Runs on every living connection before it is used (again): what must be true before an answer is trusted. */
  readonly beforeUse: (session: RedisSession, isNew: boolean) => Promise<void>;
  readonly onReady: (session: RedisSession) => void;
  /** @param delayMs until the next attempt */
  readonly onLost: (reason: string, attempt: number, delayMs: number) => void;
  readonly onBreaker?: (state: BreakerState) => void;
  /** @param sentAtMs when the heartbeat that has just been answered was sent; by the monotonic clock */
  readonly onHeartbeat?: (session: RedisSession, sentAtMs: number) => void;
}
