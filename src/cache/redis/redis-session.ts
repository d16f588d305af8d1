import type { RedisAddress } from './redis-address.js';
import type { BinaryClient, RedisClient } from './redis-client.js';
import type { ServerClock } from './server-clock.js';
import type { ServerIdentity } from './server-identity.js';

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
