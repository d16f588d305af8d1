import { createHash } from 'node:crypto';
import { CacheError } from '../engine/cache-errors.js';
import { parseInfoText } from './info-text.js';
import type { RedisClient } from './redis-client.js';
import type { ServerClock } from './server-clock.js';

/** Which run of which server answers. Only masters have one. */
export interface ServerIdentity {
  /**
   * 96 bits of a hash over the run's id, which is new after every start, and the id of its history, which is new after every
   * promotion. So a server that may have forgotten something never has the same identity again.
   */
  readonly text: string;
  /** `master_replid` of `INFO`. */
  readonly history: string;
}

/**
 * @param clock  is told the server's time
 * @throws {CacheError} `CACHE_STORE_UNAVAILABLE` when it is a replica, is still loading, or does not say who it is
 */
export async function identify(client: RedisClient, clock: ServerClock): Promise<ServerIdentity> {
  const info = await askInfo(client, clock, []);
  if (info.get('loading') === '1') throw new CacheError('CACHE_STORE_UNAVAILABLE', 'LOADING');
  const run = info.get('run_id') ?? '';
  const history = info.get('master_replid') ?? '';
  if (run === '' && history === '') throw new CacheError('CACHE_STORE_UNAVAILABLE', 'NO_RUN_ID');
  const text = createHash('sha256').update(`${run} ${history}`).digest().toString('base64url', 0, 12);
  return { text, history };
}

/** The heartbeat: checks that the server not only answers, but is still the same. */
export async function confirm(
  client: RedisClient,
  { history }: ServerIdentity,
  clock: ServerClock,
): Promise<void> {
  const info = await askInfo(client, clock, ['server', 'replication']);
  if ((info.get('master_replid') ?? '') !== history) {
    throw new CacheError('CACHE_STORE_UNAVAILABLE', 'PROMOTED');
  }
}

async function askInfo(
  client: RedisClient,
  clock: ServerClock,
  sections: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const sentAtMs = clock.monotonicMs();
  const info = parseInfoText(await client.sendCommand<string>(['INFO', ...sections]));
  const serverMs = Number(info.get('server_time_usec')) / 1000;
  if (serverMs > 0) clock.told(serverMs, sentAtMs);
  if (info.get('role') === 'slave') throw new CacheError('CACHE_STORE_UNAVAILABLE', 'READONLY');
  return info;
}
