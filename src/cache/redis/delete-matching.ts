import { inCommands, type RedisServers } from './redis-servers.js';

const STEP_BUDGET_MS = 1000;
const STEP_KEYS = 500;

/**
 * Walks the keys of all servers in small steps and removes those that match. On a server that fails it stops there.
 *
 * @returns the number of keys deleted, those before a failure included
 */
export async function deleteMatching(servers: RedisServers, glob: string): Promise<number> {
  return sum(await Promise.all(servers.names.map((server) => deleteOn(servers, server, glob))));
}

async function deleteOn(servers: RedisServers, server: string, glob: string): Promise<number> {
  let count = 0;
  let cursor = '0';
  do {
    const step = await deleteStep(servers, server, glob, cursor).catch(() => undefined);
    cursor = step?.next ?? '0';
    count += step?.deleted ?? 0;
  } while (cursor !== '0');
  return count;
}

function deleteStep(
  servers: RedisServers,
  server: string,
  glob: string,
  cursor: string,
): Promise<{ next: string; deleted: number }> {
  return servers.write(server, STEP_BUDGET_MS, async ({ client }) => {
    const { cursor: next, keys } = await client.scan(cursor, { MATCH: glob, COUNT: STEP_KEYS });
    const deleted = await Promise.all(inCommands(servers, keys).map((some) => client.unlink(some)));
    return { next, deleted: sum(deleted) };
  });
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, one) => total + one, 0);
}
