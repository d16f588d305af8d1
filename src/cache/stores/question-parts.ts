import { CacheError } from '../engine/cache-errors.js';
import type { EntryName, Lease } from '../engine/store.js';
import { EPOCH } from '../engine/tags.js';
import type { RedisServers } from '../redis/redis-servers.js';
import type { RedisKeys } from './redis-keys.js';

/** What is asked for. */
export interface Question {
  readonly tags: readonly string[];
  readonly name?: EntryName | undefined;
  readonly lease?: Lease | undefined;
}

/** What a question wants of one server. */
export interface Part {
  readonly server: string;
  readonly tags: string[];
  /** Of the tags, in their order; on a cluster that of the server's epoch before them. */
  tokenKeys: readonly string[];
  entryKey?: string;
  leaseKey?: string;
}

/**
 * A question, divided among the servers that it concerns.
 *
 * @throws {CacheError} `CACHE_STORE_UNAVAILABLE` where a server is not known to have any slot
 */
export function partsOf(servers: RedisServers, keys: RedisKeys, { tags, name, lease }: Question): Part[] {
  const parts = new Map<string, Part>();
  const partWith = (key: string) => {
    const server = servers.nameOf(key);
    const part = parts.get(server) ?? { server, tags: [], tokenKeys: [] };
    parts.set(server, part);
    return part;
  };
  for (const tag of tags) if (!isEverywhere(servers, tag)) partWith(keys.token(tag)).tags.push(tag);
  for (const part of parts.values()) part.tokenKeys = tokenKeysOf(servers, keys, part);
  if (name) {
    const entry = keys.entry(name);
    partWith(entry).entryKey = entry;
  }
  if (name && lease) {
    const key = keys.lease(name);
    partWith(key).leaseKey = key;
  }
  return [...parts.values()];
}

/** Whether the tag is part of every token, so that nobody is asked for its own. */
export function isEverywhere({ isCluster }: RedisServers, tag: string): boolean {
  return isCluster && tag === EPOCH;
}

function tokenKeysOf(servers: RedisServers, keys: RedisKeys, { server, tags }: Part): string[] {
  const tokens = tags.map((tag) => keys.token(tag));
  if (!servers.isCluster) return tokens;
  const hashTag = servers.hashTagOf(server);
  if (hashTag === undefined) throw new CacheError('CACHE_STORE_UNAVAILABLE', 'CLUSTERDOWN');
  return [keys.epoch(hashTag), ...tokens];
}
