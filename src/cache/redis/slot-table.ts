import { CacheError } from '../engine/cache-errors.js';
import { withDeadline } from './deadline.js';
import { failureReason, isRefusal } from './failure-reason.js';
import { parseInfoText } from './info-text.js';
import { SLOTS } from './key-slot.js';
import { hostAndPort, type HostAndPort, type RedisLogin } from './redis-address.js';
import { destroy, newClient, type RedisClient } from './redis-client.js';
import type { RedisConnections } from './redis-connections.js';

/** Which master has which slot, as one node sees it. */
export interface SlotTable {
  /** The number of the last change that the node knows of: the higher, the newer. */
  readonly epoch: number;
  /** Whether the node answers for no key: it is cut off from most masters, or slots are without one and the cluster needs all. */
  readonly isDown: boolean;
  /** For each slot its master, `host:port`. */
  readonly masters: readonly (string | undefined)[];
}

const TABLE_BUDGET_MS = 500;

type SlotRange = readonly [first: number, last: number, master: readonly [host: string | null, port: number]];

/** The newest table that the servers in use know, those first that are not down; `undefined` if none of them answers. */
export async function newestTable(servers: readonly RedisConnections[]): Promise<SlotTable | undefined> {
  const ready = servers.filter((server) => server.isReady);
  const views = await Promise.allSettled(
    ready.map((server) => server.read(TABLE_BUDGET_MS, ({ client, address }) => askTable(client, address))),
  );
  const [newest] = views
    .flatMap((view) => (view.status === 'fulfilled' ? view.value : []))
    .sort((one, other) => Number(one.isDown) - Number(other.isDown) || other.epoch - one.epoch);
  return newest;
}

/**
 * The table of the node that answers first, each asked over a connection of its own.
 *
 * @throws if none gives a table: the error of one that refuses us, or else that of the first node
 */
export async function firstTable(
  nodes: readonly HostAndPort[],
  login: RedisLogin,
  connectTimeoutMs: number,
): Promise<SlotTable> {
  try {
    return await Promise.any(nodes.map((node) => askNewcomer(node, login, connectTimeoutMs)));
  } catch (error) {
    const { errors } = error as AggregateError;
    throw errors.find((one) => isRefusal(failureReason(one))) ?? errors[0];
  }
}

async function askNewcomer(
  node: HostAndPort,
  login: RedisLogin,
  connectTimeoutMs: number,
): Promise<SlotTable> {
  const client = newClient({ ...node, ...login }, connectTimeoutMs);
  try {
    const table = client.connect().then(() => askTable(client, node));
    return await withDeadline(Math.min(connectTimeoutMs, 2 * TABLE_BUDGET_MS), table);
  } finally {
    destroy(client);
  }
}

/** @throws {CacheError} `CACHE_STORE_UNAVAILABLE` when the node knows of no slot */
async function askTable(client: RedisClient, asked: HostAndPort): Promise<SlotTable> {
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
  const fields = parseInfoText(info);
  const epoch = Number(fields.get('cluster_current_epoch') ?? 0);
  return { epoch, isDown: fields.get('cluster_state') === 'fail', masters };
}
