import { withDeadline } from './deadline.js';
import { failureReason, isRefusal } from './failure-reason.js';
import type { HostAndPort, RedisLogin } from './redis-address.js';
import { destroy, newClient } from './redis-client.js';
import type { RedisConnections } from './redis-connections.js';
import { askTable, type SlotTable } from './slot-table.js';

const TABLE_BUDGET_MS = 500;

/** The newest table that the servers in use know; `undefined` if none of them answers. */
export async function newestTable(servers: readonly RedisConnections[]): Promise<SlotTable | undefined> {
  const ready = servers.filter((server) => server.isReady);
  const views = await Promise.allSettled(
    ready.map((server) => server.read(TABLE_BUDGET_MS, ({ client, address }) => askTable(client, address))),
  );
  const [newest] = views
    .flatMap((view) => (view.status === 'fulfilled' ? view.value : []))
    .sort((one, other) => other.epoch - one.epoch);
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
