import { ask } from './ask-redis.js';
import { freePort, pollUntil, startRedis, type RedisProcess } from './processes.js';

export interface RedisClusterProcesses {
  readonly masters: readonly RedisProcess[];
  /** Of the first master; empty unless asked for. */
  readonly replicas: readonly RedisProcess[];
  /** `host:port` of every master. */
  readonly nodes: readonly string[];
  /** Makes the first replica a master of what its master has, and lets no master hear of it. */
  takeOverUnheard(): Promise<void>;
  /** From then on all hear of it, and believe it. */
  beHeard(): Promise<void>;
  stop(): Promise<void>;
}

const SLOTS = 16_384;
/** A node that is silent for so long counts as failed with the others. */
const NODE_TIMEOUT_MS = 1500;
/** What the document adds for a cluster. */
const ofCluster = ['+cluster|info', '+cluster|slots'];

/**
 * Starts a Redis Cluster of three masters on 127.0.0.1 and waits until every node says that all is well. A master that
 * fails does not stop the others, as for a cache nothing else would make sense.
 *
 * @param replicas of the first master. Default 0
 */
export async function startRedisCluster({ replicas = 0 } = {}): Promise<RedisClusterProcesses> {
  const begun = await Promise.allSettled(Array.from({ length: 3 + replicas }, () => startNode()));
  const started = begun.flatMap((node) => (node.status === 'fulfilled' ? [node.value] : []));
  const processes = started.map(({ redis }) => redis);
  const stop = async () => {
    await Promise.all(processes.map((redis) => redis.stop()));
  };
  try {
    for (const node of begun) if (node.status === 'rejected') throw node.reason;
    await introduce(started);
    await divide(processes.slice(0, 3));
    await allWell(processes);
    const id = await ask(processes[0]!, ['CLUSTER', 'MYID']);
    for (const replica of processes.slice(3)) {
      await ask(replica, ['CLUSTER', 'REPLICATE', id]);
      await pollUntil(
        async () => (await ask(replica, ['INFO', 'replication'])).includes('link_status:up'),
        20_000,
      );
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    masters: processes.slice(0, 3),
    replicas: processes.slice(3),
    nodes: processes.slice(0, 3).map(({ port }) => `127.0.0.1:${port}`),
    takeOverUnheard: () => takeOverUnheard(processes),
    beHeard: async () => {
      for (const { redis } of started.slice(0, 3)) await meet(redis, started[3]!);
    },
    stop,
  };
}

interface Node {
  readonly redis: RedisProcess;
  readonly busPort: number;
}

async function startNode(): Promise<Node> {
  const busPort = await freePort();
  const args = ['--cluster-enabled', 'yes', '--cluster-port', String(busPort)];
  args.push('--cluster-node-timeout', String(NODE_TIMEOUT_MS), '--cluster-require-full-coverage', 'no');
  args.push('--repl-diskless-sync-delay', '0');
  return { redis: await startRedis({ args, rights: ofCluster }), busPort };
}

async function introduce(started: readonly Node[]): Promise<void> {
  const [first, ...others] = started;
  for (const [index, { redis }] of started.entries()) {
    await ask(redis, ['CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1)]);
  }
  for (const other of others) await meet(first!.redis, other);
}

async function meet(one: RedisProcess, { redis, busPort }: Node): Promise<void> {
  await ask(one, ['CLUSTER', 'MEET', '127.0.0.1', String(redis.port), String(busPort)]);
}

/** For a minute nobody listens to a node that was forgotten, unless told to meet it; it hears the others all the same. */
async function takeOverUnheard([first, second, third, replica]: readonly RedisProcess[]): Promise<void> {
  const id = await ask(replica!, ['CLUSTER', 'MYID']);
  await Promise.all([first!, second!, third!].map((master) => ask(master, ['CLUSTER', 'FORGET', id])));
  await ask(replica!, ['CLUSTER', 'FAILOVER', 'TAKEOVER']);
  await pollUntil(async () => (await ask(replica!, ['INFO', 'replication'])).includes('role:master'), 5000);
}

async function divide(masters: readonly RedisProcess[]): Promise<void> {
  const share = SLOTS / masters.length;
  for (const [index, master] of masters.entries()) {
    const [from, to] = [Math.round(index * share), Math.round((index + 1) * share) - 1];
    await ask(master, ['CLUSTER', 'ADDSLOTSRANGE', String(from), String(to)]);
  }
}

async function allWell(processes: readonly RedisProcess[]): Promise<void> {
  await pollUntil(async () => {
    const infos = await Promise.all(processes.map((redis) => ask(redis, ['CLUSTER', 'INFO'])));
    return infos.every(
      (info) => info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${processes.length}`),
    );
  }, 20_000);
}
