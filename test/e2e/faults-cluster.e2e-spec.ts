import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { DataSource } from 'typeorm';
import { CacheService, type CacheModuleOptions } from '../../src/cache/index.js';
import { TypeormOutbox } from '../../src/cache/outbox/typeorm.outbox.js';
import { ask } from '../support/ask-redis.js';
import { figure, isMeasuring } from '../support/figures.js';
import { between, failed, shareOf, underLoad, type Answer } from '../support/load.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { pollUntil, redisAdmin, required } from '../support/processes.js';
import { startRedisCluster, type RedisClusterProcesses } from '../support/redis-cluster.js';
import { startVersionedApp, VersionedDatabase, type VersionedApp } from '../support/versioned-app.js';

jest.setTimeout(180_000);

/** Prime, so that what is written is also read. */
const KEYS = 47;
const RATE = 50;

let database: VersionedDatabase;
let cluster: RedisClusterProcesses;
let apps: VersionedApp[] = [];
let postgres: TestDatabase | undefined;

afterEach(async () => {
  await Promise.all(apps.map((one) => one.close()));
  apps = [];
  await cluster.stop();
  await postgres?.drop();
  postgres = undefined;
});

/** @param options  made for each of the processes */
async function start(replicas: number, options: () => CacheModuleOptions = () => ({})): Promise<void> {
  database = new VersionedDatabase();
  cluster = await startRedisCluster({ replicas });
  for (let n = 0; n < 2; n++) {
    // A busy machine shall not look like a slow Redis.
    apps.push(
      await startVersionedApp(
        database,
        { clusterNodes: [...cluster.nodes], commandTimeoutMs: 1000 },
        options(),
      ),
    );
  }
  await Promise.all(apps.map((one) => one.available()));
  await pollUntil(allHit, 30_000);
}

/** Reads through each in turn; one call in twenty writes. */
function call(n: number): Promise<Answer> {
  const [one, id] = [apps[n % apps.length]!, String((n * 7) % KEYS)];
  return n % 20 === 1 ? one.write(id) : one.get(id);
}

/** Whether every key is found, wherever in the cluster it and its tokens are. */
async function allHit(): Promise<boolean> {
  const answers = await Promise.all(Array.from({ length: KEYS }, (_, id) => apps[0]!.get(String(id))));
  await apps[0]!.app.get(CacheService).settle();
  return shareOf(answers, 'HIT') === 1;
}

/** Of a hundred reads; writes say nothing of the cache. */
function hitsOf(answers: readonly Answer[]): number {
  const reads = answers.filter(({ cache }) => cache !== null);
  return 100 * shareOf(reads, 'HIT');
}

function expectAllRight(answers: readonly Answer[]): void {
  expect(answers.length).toBeGreaterThan(20);
  expect(failed(answers)).toEqual([]);
  expect(database.wrong).toEqual([]);
}

it.each<[string, string, (dataSource: DataSource) => CacheModuleOptions]>([
  ['without an outbox', '', () => ({})],
  [
    'and goes on with an outbox that is followed',
    'with an outbox: ',
    (dataSource) => ({ outbox: new TypeormOutbox(dataSource, { followed: true }) }),
  ],
])(
  'F19: a cluster that loses one of three masters under load fails nobody, %s',
  async (_, which, optionsOn) => {
    postgres = await createTestDatabase();
    const { dataSource } = postgres;
    await start(1, () => optionsOn(dataSource));
    const before = await underLoad(RATE, call, () => wait(2000));

    let [killedAt, promotedAt, usedMs] = [0, 0, 0];
    const answers = await underLoad(RATE, call, async () => {
      killedAt = performance.now();
      // The token of the prefix is there, on which all these entries depend: nothing worse can be lost.
      await cluster.masters[0]!.kill();
      await pollUntil(
        async () => (await ask(cluster.replicas[0]!, ['INFO', 'replication'])).includes('role:master'),
        30_000,
      );
      promotedAt = performance.now();
      await pollUntil(async () => (await apps[0]!.get('probe')).cache === 'HIT', 30_000);
      usedMs = performance.now() - promotedAt;
    });
    await pollUntil(allHit, 30_000);

    const [usual, without] = [hitsOf(before), hitsOf(between(answers, killedAt, promotedAt))];
    figure('F19', `${which}hits before, %`, usual);
    figure('F19', `${which}hits without one of three masters, %`, without, { atLeast: usual - 100 / 3 - 10 });
    figure('F19', `${which}until entries are found again after the promotion, ms`, usedMs, { atMost: 2000 });
    expectAllRight([...before, ...answers]);
    if (which) expect(without).toBeGreaterThan(50);
  },
);

it('F20: a cluster whose slots are moved with their keys under load fails nobody', async () => {
  await start(0);
  const slots = isMeasuring ? 5000 : 500;
  const [from, to] = cluster.masters;
  const before = await underLoad(RATE, call, () => wait(1000));

  let movedMs = 0;
  const answers = await underLoad(RATE, call, async () => {
    const since = performance.now();
    await redisCli(
      '--cluster',
      'reshard',
      `127.0.0.1:${from!.port}`,
      ...['--cluster-from', await ask(from!, ['CLUSTER', 'MYID'])],
      ...['--cluster-to', await ask(to!, ['CLUSTER', 'MYID'])],
      ...['--cluster-slots', String(slots), '--cluster-yes'],
    );
    movedMs = performance.now() - since;
  });
  const since = performance.now();
  await pollUntil(allHit, 30_000);
  const isFoundMs = performance.now() - since;

  const commands = await ask(from!, ['INFO', 'commandstats']);
  const migrations = Number(/^cmdstat_migrate:calls=(\d+)/m.exec(commands)?.[1] ?? 0);
  figure('F20', 'slots moved', slots);
  figure('F20', 'of them with keys', migrations, { atLeast: 1 });
  figure('F20', 'for so long, ms', movedMs);
  figure('F20', 'hits before, %', hitsOf(before));
  figure('F20', 'hits meanwhile, %', hitsOf(answers));
  figure('F20', 'failed', failed(answers).length, { atMost: 0 });
  figure('F20', 'wrong', database.wrong.length, { atMost: 0 });
  figure('F20', 'until everything is found again, ms', isFoundMs);
  expectAllRight([...before, ...answers]);
  expect(migrations).toBeGreaterThan(0);
});

/** The one that came with the server. */
async function redisCli(...parameters: string[]): Promise<void> {
  const login = ['--user', redisAdmin.name, '--no-auth-warning'];
  await promisify(execFile)(
    join(dirname(required('TEST_REDIS_SERVER')), 'redis-cli'),
    [...login, ...parameters],
    { env: { ...process.env, REDISCLI_AUTH: redisAdmin.password }, maxBuffer: 64_000_000 },
  );
}
