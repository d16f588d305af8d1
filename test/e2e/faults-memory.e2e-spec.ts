import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { CacheService } from '../../src/cache/index.js';
import { figure } from '../support/figures.js';
import { failed, shareOf, underLoad, type Answer } from '../support/load.js';
import { freePort, pollUntil, startRedis, type RedisProcess } from '../support/processes.js';
import { connectAdmin, type RedisAdmin } from '../support/redis-admin.js';
import { startVersionedApp, VersionedDatabase, type VersionedApp } from '../support/versioned-app.js';

jest.setTimeout(120_000);

/** Prime, so that what is written is also read. */
const KEYS = 47;
const RATE = 50;

let database: VersionedDatabase;
let folder: string;
let redis: RedisProcess;
let admin: RedisAdmin;
let apps: VersionedApp[] = [];

beforeEach(async () => {
  database = new VersionedDatabase();
  folder = await mkdtemp(join(tmpdir(), 'redis-kept-'));
  redis = await startRedis({ args: ['--dir', folder, '--enable-debug-command', 'yes'] });
  admin = await connectAdmin(redis);
});

afterEach(async () => {
  admin.destroy();
  await Promise.all(apps.map((one) => one.close()));
  apps = [];
  await redis.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(count: number): Promise<VersionedApp[]> {
  for (let n = 0; n < count; n++) {
    // A busy machine shall not look like a slow Redis.
    apps.push(await startVersionedApp(database, { url: redis.url, commandTimeoutMs: 1000 }));
  }
  await Promise.all(apps.map((one) => one.available()));
  return apps;
}

/** Reads through each in turn; every tenth call writes, through the first. */
function call(n: number): Promise<Answer> {
  const id = String((n * 7) % KEYS);
  return n % 10 === 1 ? apps[0]!.write(id) : apps[n % apps.length]!.get(id);
}

function read(n: number): Promise<Answer> {
  return apps[n % apps.length]!.get(String(n % KEYS));
}

async function readAll(): Promise<Answer[]> {
  const answers = await Promise.all(
    Array.from({ length: KEYS * apps.length }, (_, n) =>
      apps[n % apps.length]!.get(String(Math.floor(n / apps.length))),
    ),
  );
  await Promise.all(apps.map(({ app }) => app.get(CacheService).settle()));
  return answers;
}

function hits(one: VersionedApp): Promise<void> {
  return pollUntil(async () => (await one.get('probe')).cache === 'HIT', 10_000);
}

function expectAllRight(answers: readonly Answer[]): void {
  expect(answers.length).toBeGreaterThan(20);
  expect(failed(answers)).toEqual([]);
  expect(database.wrong).toEqual([]);
}

it('F9: a Redis that comes back with old entries and old tokens is not believed', async () => {
  const [one] = await start(2);
  await readAll();
  await admin.sendCommand(['SAVE']);
  for (let id = 0; id < KEYS; id++) await one!.write(String(id));
  await readAll();
  admin.destroy();
  await redis.kill();
  redis = await startRedis({ port: redis.port, args: ['--dir', folder, '--enable-debug-command', 'yes'] });
  admin = await connectAdmin(redis);
  const kept = (await admin.keys('cache:versioned_thing:*')).length;
  await Promise.all(apps.map((each) => each.available()));

  const answers = await readAll();

  figure('F9', 'old entries that came back', kept);
  figure('F9', 'of them served', database.wrong.length, { atMost: 0 });
  expect(kept).toBe(KEYS);
  expectAllRight(answers);
});

it('F13: a full Redis refuses entries and still takes invalidations', async () => {
  const [one] = await start(2);
  await readAll();
  await admin.configSet({ maxmemory: '1', 'maxmemory-policy': 'noeviction' });

  const fresh = () => one!.get('new');
  const full = await underLoad(RATE, call, async () => {
    await one!.write('new');
    for (let n = 0; n < 5; n++) expect((await fresh()).cache).not.toBe('HIT');
    await wait(1000);
  });
  const refused = one!.count('cache.set_error') + one!.count('cache.get_error');
  await admin.configSet('maxmemory', '0');
  const since = performance.now();
  await pollUntil(async () => (await fresh()).cache === 'HIT', 10_000);

  figure('F13', 'refusals noticed', refused);
  // What is written meanwhile cannot be kept anew.
  figure('F13', 'hits while full, %', 100 * shareOf(full, 'HIT'), { atLeast: 50 });
  figure('F13', 'until entries are kept again, ms', performance.now() - since, { atMost: 2000 });
  expectAllRight(full);
  expect(refused).toBeGreaterThan(0);
});

it('F14: tokens and entries that Redis evicts are misses', async () => {
  await start(2);
  await admin.configSet({
    maxmemory: '5mb',
    'maxmemory-policy': 'allkeys-lru',
    'notify-keyspace-events': 'Ee',
  });
  const evicted: string[] = [];
  const listener = await connectAdmin(redis);
  await listener.subscribe('__keyevent@0__:evicted', (key) => evicted.push(key));
  await readAll();
  // So few that they are asked for again before they are gone; the others are not, and go first.
  const few = (n: number) => {
    const id = String(n % 7);
    return n % 10 === 1 ? apps[0]!.write(id) : apps[n % apps.length]!.get(id);
  };

  const answers = await underLoad(2 * RATE, few, async () => {
    for (let n = 0; n < 60; n++) {
      const names = Array.from({ length: 10 }, (_, m) => `flood:${n}:${m}`);
      await Promise.all(names.map((name) => admin.set(name, 'x'.repeat(20_000))));
      await wait(50);
    }
  });
  for (let id = 7; id < KEYS; id += 2) await apps[0]!.write(String(id));
  const idle = await readAll();
  listener.destroy();

  const of = (prefix: string) => evicted.filter((key) => key.startsWith(prefix)).length;
  figure('F14', 'keys evicted', evicted.length);
  figure('F14', 'of them tokens', of('token:'), { atLeast: 1 });
  figure('F14', 'of them entries', of('cache:versioned_thing:'));
  figure('F14', 'hits, %', 100 * shareOf(answers, 'HIT'), { atLeast: 1 });
  expect(evicted.length).toBeGreaterThan(100);
  expectAllRight([...answers, ...idle]);
  expect(of('token:')).toBeGreaterThan(0);
  expect(shareOf(answers, 'HIT')).toBeGreaterThan(0);
});

it('F16: a replica is not read from either, once a write to it was refused', async () => {
  const [one] = await start(1);
  await readAll();
  await admin.replicaOf('127.0.0.1', await freePort());

  const answers = await underLoad(RATE, call, () => wait(2000));
  await admin.sendCommand(['REPLICAOF', 'NO', 'ONE']);
  const since = performance.now();
  await hits(one!);
  const usedMs = performance.now() - since;

  figure('F16', 'until it is used again, ms', usedMs, { atMost: 5000 });
  expectAllRight(answers);
});

describe('F17: a Redis that', () => {
  it.each<[string, () => Promise<unknown>, () => Promise<unknown>]>([
    [
      'runs a script for ever',
      async () => {
        await admin.configSet('lua-time-limit', '50');
        const other = await connectAdmin(redis);
        void other
          .eval('while true do end', { keys: [] })
          .catch(() => undefined)
          .finally(() => {
            other.destroy();
          });
      },
      () => admin.sendCommand(['SCRIPT', 'KILL']),
    ],
    ['is paused', () => admin.sendCommand(['CLIENT', 'PAUSE', '1000']), () => wait(1000)],
    [
      'has lost its master',
      async () => {
        await admin.configSet('replica-serve-stale-data', 'no');
        await admin.replicaOf('127.0.0.1', await freePort());
      },
      () => admin.sendCommand(['REPLICAOF', 'NO', 'ONE']),
    ],
    [
      'takes no more clients',
      async () => {
        await admin.configSet('maxclients', '1');
        await admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
      },
      () => admin.configSet('maxclients', '1000'),
    ],
    [
      'is still loading',
      async () => {
        await admin.sendCommand(['DEBUG', 'POPULATE', '3000', 'filler', '1000']);
        await admin.sendCommand(['SAVE']);
        admin.destroy();
        await redis.kill();
        const slowly = [
          '--dir',
          folder,
          '--key-load-delay',
          '500',
          '--loading-process-events-interval-bytes',
          '1024',
        ];
        slowly.push('--enable-debug-command', 'yes');
        const loading = startRedis({ port: redis.port, args: slowly });
        await wait(1000);
        redis = await loading;
        admin = await connectAdmin(redis);
      },
      () => Promise.resolve(),
    ],
  ])('%s fails nobody, and is used again', async (how, takeAway, bringBack) => {
    const [one] = await start(1);
    await hits(one!);

    let usedMs = 0;
    const answers = await underLoad(RATE, call, async () => {
      await takeAway();
      await wait(1000);
      await bringBack();
      const since = performance.now();
      await hits(one!);
      usedMs = performance.now() - since;
    });

    const reasons = new Set(one!.events.map((event) => ('reason' in event ? event.reason : undefined)));
    const told = [...reasons].filter(Boolean).join(', ');
    figure('F17', `${how} (${told}): until it is used again, ms`, usedMs, { atMost: 5000 });
    expectAllRight(answers);
  });
});

it('F23: a Redis that is emptied under load makes each process run each method once', async () => {
  await start(2);
  await readAll();
  const flushes = 3;
  database.reads.clear();

  const answers = await underLoad(2 * RATE, read, async () => {
    for (let n = 0; n < flushes; n++) {
      await admin.flushAll();
      await wait(1000);
    }
  });

  const most = Math.max(...database.reads.values());
  figure('F23', `runs of a method by ${apps.length} processes, ${flushes} times emptied`, most, {
    atMost: flushes * apps.length,
  });
  expectAllRight(answers);
  expect(most).toBeLessThanOrEqual(flushes * apps.length);
});
