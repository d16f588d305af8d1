import type { RedisAddress } from './redis-address.js';
import type { Clock } from '../engine/clock.js';
import { withDeadline } from './deadline.js';
import { failureReason } from './failure-reason.js';
import { asBinary, type BinaryClient, type RedisClient } from './redis-client.js';
import type { RedisTimings } from './redis-timings.js';
import { ServerClock } from './server-clock.js';
import { confirm, identify, type ServerIdentity } from './server-identity.js';

/** A connection in use, and who is at its other end. */
export interface RedisSession {
  readonly client: RedisClient;
  /** The same, with texts as bytes. */
  readonly binary: BinaryClient;
  readonly address: RedisAddress;
  readonly identity: ServerIdentity;
  readonly clock: ServerClock;
}

export type RedisCommand<T> = (session: RedisSession) => Promise<T>;

/** Connects, and asks who is there: `connectTimeoutMs` for each. */
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
 * @param onLate  called when the answer is slow, while it is waited for
 * @returns whether it was answered in time; rejects when there is no answer until the connection is to be given up
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
