import { CacheError } from '../engine/cache-errors.js';
import { SLOTS } from './key-slot.js';
import { hostAndPort, type HostAndPort } from './redis-address.js';
import type { RedisClient } from './redis-client.js';
import { parseInfoText } from './server-identity.js';

/** Which master has which slot, as one node sees it. */
export interface SlotTable {
  /** The number of the last change that the node knows of: the higher, the newer. */
  readonly epoch: number;
  /** For each slot its master, `host:port`. */
  readonly masters: readonly (string | undefined)[];
}

type SlotRange = readonly [first: number, last: number, master: readonly [host: string | null, port: number]];

/** @throws {CacheError} `CACHE_STORE_UNAVAILABLE` when the node knows of no slot */
export async function askTable(client: RedisClient, asked: HostAndPort): Promise<SlotTable> {
  const [info, ranges] = await Promise.all([
    client.sendCommand<string>(['CLUSTER', 'INFO']),
    client.sendCommand<SlotRange[]>(['CLUSTER', 'SLOTS']),
  ]);
  if (ranges.length === 0) throw new CacheError('CACHE_STORE_UNAVAILABLE', 'CLUSTERDOWN');
  const masters = new Array<string | undefined>(SLOTS).fill(undefined);
  for (const [first, last, [host, port]] of ranges) {
    // A node that does not know its own address means the one that was used to ask it.
    const isUnknown = host === null || host === '' || host === '?';
    masters.fill(hostAndPort({ host: isUnknown ? asked.host : host, port }), first, last + 1);
  }
  return { epoch: Number(parseInfoText(info).get('cluster_current_epoch') ?? 0), masters };
}
