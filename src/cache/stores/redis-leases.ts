import type { Lease } from '../engine/store.js';
import type { RedisScript } from '../redis/redis-script.js';
import type { RedisSession } from '../redis/redis-session.js';
import { RELEASE_LEASE, RENEW_LEASE } from './redis-scripts.js';

/** @returns whether the owner still had it */
export function renewLease(session: RedisSession, key: string, lease: Lease): Promise<boolean> {
  return run(session, RENEW_LEASE, key, [lease.owner, String(Math.ceil(lease.ttlMs))]);
}

/** @returns whether the owner still had it */
export function releaseLease(session: RedisSession, key: string, owner: string): Promise<boolean> {
  return run(session, RELEASE_LEASE, key, [owner]);
}

async function run(
  { client }: RedisSession,
  script: RedisScript,
  key: string,
  parameters: string[],
): Promise<boolean> {
  return (await script.run(client, [key], parameters)) === 1;
}
