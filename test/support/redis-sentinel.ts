import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, pollUntil, redisAdmin, required, startRedis, type RedisProcess } from './processes.js';
import { ask } from './ask-redis.js';
import { connectAdmin } from './redis-admin.js';

export interface SentinelProcesses {
  readonly master: RedisProcess;
  readonly replica: RedisProcess;
  /** `host:port` of every sentinel. */
  readonly sentinels: readonly string[];
  /** What the sentinels call the master. */
  readonly masterName: string;
  /** Cuts the links of the master to its replica and to the sentinels, and no others. */
  isolateMaster(): Promise<void>;
  /** Port of whom the first sentinel takes for the master now. */
  masterPort(): Promise<number>;
  stop(): Promise<void>;
}

const MASTER_NAME = 'campus';
/** A master that is silent for so long is replaced. */
const DOWN_AFTER_MS = 1000;

/**
 * Starts a master, its replica and three sentinels on 127.0.0.1, two of which have to agree, and waits until they know of
 * each other.
 *
 * @param password of the master and the replica; the sentinels ask for the same. Default: none
 */
export async function startSentinels({ password }: { password?: string } = {}): Promise<SentinelProcesses> {
  const protection = password === undefined ? {} : { password };
  const master = await startRedis(protection);
  const replica = await startRedis({
    ...protection,
    args: ['--replicaof', `127.0.0.1 ${master.port}`, '--repl-diskless-sync-delay', '0'],
  });
  const sentinels: { port: number; url: string; stop: () => Promise<void> }[] = [];
  const stop = async () => {
    await Promise.all([master, replica, ...sentinels].map((one) => one.stop()));
  };
  try {
    await pollUntil(
      async () => (await ask(replica, ['INFO', 'replication'])).includes('link_status:up'),
      20_000,
    );
    for (let n = 0; n < 3; n++) sentinels.push(await startSentinel(master.port, password));
    await pollUntil(async () => {
      const infos = await Promise.all(sentinels.map((one) => ask(one, ['INFO', 'sentinel'])));
      return infos.every((info) => info.includes('slaves=1,sentinels=3'));
    }, 20_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    master,
    replica,
    sentinels: sentinels.map(({ port }) => `127.0.0.1:${port}`),
    masterName: MASTER_NAME,
    isolateMaster: () => lockOut(master),
    masterPort: async () =>
      Number((await ask(sentinels[0]!, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME])).split(',')[1]),
    stop,
  };
}

/** They all come as the administrator. */
async function lockOut(server: RedisProcess): Promise<void> {
  const client = await connectAdmin(server);
  await client.sendCommand(['ACL', 'SETUSER', redisAdmin.name, 'off']);
  await client.sendCommand(['CLIENT', 'KILL', 'USER', redisAdmin.name]);
  client.destroy();
}

async function startSentinel(masterPort: number, password: string | undefined) {
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'sentinel-'));
  const file = join(dir, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir "${dir}"`,
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${MASTER_NAME} 6000`,
    `sentinel auth-user ${MASTER_NAME} ${redisAdmin.name}`,
    `sentinel auth-pass ${MASTER_NAME} ${redisAdmin.password}`,
    ...(password === undefined ? [] : [`requirepass ${password}`, `sentinel sentinel-pass ${password}`]),
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  const child = spawn(required('TEST_REDIS_SERVER'), [file, '--sentinel'], { stdio: 'ignore' });
  const ended = once(child, 'close');
  const url = `redis://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`;
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await pollUntil(async () => {
      if (child.exitCode !== null) throw new Error(`the sentinel ended with ${child.exitCode} at start`);
      return ask({ url }, ['PING']).then(
        () => true,
        () => false,
      );
    }, 10_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, url, stop };
}
