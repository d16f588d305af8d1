import type { RedisAddress } from './redis-address.js';
import type { Clock } from '../engine/clock.js';
import { withDeadline } from './deadline.js';
import { failureReason } from './failure-reason.js';
import { asBinary, type BinaryClient, type RedisClient } from './redis-client.js';
import type { RedisTimings } from './redis-timings.js';
import { ServerClock } from './server-clock.js';
import { confirm, identify, type ServerIdentity } from './server-identity.js';

/** An open connection, and the server at its other end. */
export interface RedisSession {
  readonly client: RedisClient;
  /** The same client, but it gives texts as bytes. */
  readonly binary: BinaryClient;
  readonly address: RedisAddress;
  readonly identity: ServerIdentity;
  readonly clock: ServerClock;
}

export type RedisCommand<T> = (session: RedisSession) => Promise<T>;

/** Connects, and asks the server who it is; each may take `connectTimeoutMs`. */
export async function openSession(
  client: RedisClient,
  address: RedisAddress,
  clock: Clock,
  connectTimeoutMs: number,
): Promise<RedisSession> {
  await withDeadline(connectTimeoutMs, client.connect());
  const serverClock = new ServerClock(() => clock.monotonicMs());
  const identity = await withDeadline(connectTimeoutMs, identify(client, serverClock));
  return { client, binary: asBinary(client), address, identity, clock: serverClock };
}

/**
 * @param onLate  called when the answer is slow, before it has come
 * @returns whether the answer came in time; rejects if there is none within `silenceLimitMs`
 */
export async function heartbeat(
  { client, identity, clock }: RedisSession,
  { silenceLimitMs, slowMs }: RedisTimings,
  onLate: () => void,
): Promise<boolean> {
  const answer = confirm(client, identity, clock);
  try {
    await withDeadline(Math.min(slowMs, silenceLimitMs), answer);
    return true;
  } catch (error) {
    if (failureReason(error) !== 'timeout') throw error;
    onLate();
    await withDeadline(Math.max(0, silenceLimitMs - slowMs), answer);
    return false;
  }
}
