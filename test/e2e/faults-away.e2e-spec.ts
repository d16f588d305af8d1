import { promises } from 'node:dns';
import { setTimeout as wait } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { CacheModuleEvent, CacheModuleOptions, Outbox, RedisOptions } from '../../src/cache/index.js';
import { TypeormOutbox } from '../../src/cache/outbox/typeorm.outbox.js';
import { logCatalogue } from '../../src/telemetry/log-catalogue.js';
import { figure, isMeasuring } from '../support/figures.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { between, failed, quantileMs, shareOf, underLoad, usualLoad, type Answer } from '../support/load.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { freePort, pollUntil, required, startRedis, type RedisProcess } from '../support/processes.js';
import { connectAdmin, type RedisAdmin } from '../support/redis-admin.js';
import { startVersionedApp, VersionedDatabase, type VersionedApp } from '../support/versioned-app.js';

jest.setTimeout(120_000);

/** Prime, so that what is written is also read. */
const KEYS = 47;
const RATE = 50;
/** One in so many calls writes. */
const WRITES = 10;

let database: VersionedDatabase;
let redis: RedisProcess;
let proxy: FaultProxy | undefined;
let running: VersionedApp[] = [];
const thaw = async () => {
  redis.thaw();
  await wait(0);
};
let admin: RedisAdmin | undefined;
let postgres: TestDatabase | undefined;

beforeEach(async () => {
  database = new VersionedDatabase();
  redis = await startRedis();
});

afterEach(async () => {
  redis.thaw();
  await Promise.all(running.map((one) => one.close()));
  running = [];
  admin?.destroy();
  admin = undefined;
  await proxy?.close();
  proxy = undefined;
  await postgres?.drop();
  postgres = undefined;
  await redis.stop();
});

async function start(
  url = redis.url,
  options: CacheModuleOptions = {},
  timings: Partial<RedisOptions> = {},
): Promise<VersionedApp> {
  const one = await startVersionedApp(database, { url, ...timings }, options);
  running.push(one);
  return one;
}

function followed(dataSource: DataSource): Outbox {
  return new TypeormOutbox(dataSource, { followed: true });
}

function calls(...apps: VersionedApp[]): (n: number) => Promise<Answer> {
  return (n) => {
    const one = apps[n % apps.length]!;
    const id = String((n * 7) % KEYS);
    return n % WRITES === 1 ? one.write(id) : one.get(id);
  };
}

/** Reads, and writes: those say nothing of the cache. */
function split(answers: readonly Answer[]): [reads: Answer[], writes: Answer[]] {
  const isRead = ({ cache }: Answer) => cache !== null;
  return [answers.filter(isRead), answers.filter((answer) => !isRead(answer))];
}

function hits(one: VersionedApp): Promise<void> {
  return pollUntil(async () => (await one.get('probe')).cache === 'HIT', 30_000);
}

function expectAllRight(answers: readonly Answer[]): void {
  expect(answers.length).toBeGreaterThan(20);
  expect(failed(answers)).toEqual([]);
  expect(database.wrong).toEqual([]);
}

describe.each([
  [
    'F1',
    'a Redis that refuses at the start',
    () => redis.kill(),
    async () => {
      redis = await startRedis({ port: redis.port });
    },
  ],
  [
    'F3',
    'a Redis that hangs at the start',
    async () => {
      redis.freeze();
      await wait(0);
    },
    thaw,
  ],
])('%s: %s', (row, _, takeAway, bringBack) => {
  it('keeps nobody waiting, and is used soon after it is there', async () => {
    await takeAway();
    const startedAt = performance.now();
    const one = await start();
    const listensMs = performance.now() - startedAt;

    // Long enough for the pauses between attempts to become as long as they get.
    const answers = await underLoad(RATE, calls(one), () => wait(isMeasuring ? 20_000 : 1000));
    await bringBack();
    const since = performance.now();
    await hits(one);
    const usedMs = performance.now() - since;

    figure(row, 'until it listens, ms', listensMs, { atMost: 3000 });
    figure(row, 'until it is used, ms', usedMs, { atMost: 3000 });
    expectAllRight(answers);
    expect(shareOf(answers, 'HIT')).toBe(0);
  });
});

it.each<[string, string, string, (dataSource: DataSource) => Outbox | undefined]>([
  ['what is held is served on', 'with an outbox that is followed', '', followed],
  ['the source is not flattened', 'without an outbox', 'without an outbox: ', () => undefined],
])('F2: a Redis that is stopped under load fails nobody, and %s, %s', async (_, __, which, outboxOf) => {
  const concurrency = 4;
  postgres = await createTestDatabase();
  const outbox = outboxOf(postgres.dataSource);
  const one = await start(redis.url, {
    bulkhead: { concurrency, maxWaitMs: 5000 },
    ...(outbox ? { outbox } : {}),
  });
  await one.available();
  database.beforeAnswer = () => wait(10);
  // Of twenty one writes, and three ask for what nobody has asked for.
  const call = (n: number) => {
    if (n % 20 === 1) return one.write(String((n * 7) % KEYS));
    return one.get(n % 20 < 5 && n % 20 > 1 ? `new:${++fresh}` : String((n * 7) % KEYS));
  };
  let fresh = 0;
  const warming = await underLoad(RATE, call, () => wait(1000));
  const before = await usualLoad(RATE, call);
  database.mostAtOnce = 0;

  let stoppedAt = 0;
  let runs = NaN;
  const answers = await underLoad(RATE, call, async () => {
    stoppedAt = performance.now();
    await redis.stop();
    await wait(500);
    const runsThen = database.runs;
    await wait(2000);
    runs = (database.runs - runsThen) / 2;
  });

  const after = between(answers, stoppedAt + 500);
  const usualMs = quantileMs(before, 0.99);
  const misses = RATE * shareOf(before, 'MISS');
  figure('F2', `${which}p99 before, ms`, usualMs);
  figure('F2', `${which}p99 after, ms`, quantileMs(after, 0.99), { atMost: usualMs + 30 });
  figure('F2', `${which}misses a second before`, misses);
  // Where nothing tells whether an answer is still right, each is made.
  figure('F2', `${which}runs a second after`, runs, outbox && { atMost: 3 * misses });
  figure('F2', `${which}runs at once, of ${concurrency}`, database.mostAtOnce);
  expectAllRight([...warming, ...before, ...answers]);
  if (outbox) expect(shareOf(after, 'HIT')).toBeGreaterThan(0.5);
  else expect(shareOf(after, 'HIT')).toBe(0);
  expect(database.mostAtOnce).toBeLessThanOrEqual(concurrency);
});

describe.each([
  [
    'F4',
    'a Redis that hangs under load',
    () => {
      redis.freeze();
    },
    thaw,
  ],
  [
    'F10',
    'a half-open connection',
    () => {
      proxy!.silence();
    },
    () => proxy!.restore(),
  ],
])('%s: %s', (row, _, takeAway, bringBack) => {
  it('costs few their 50 ms, nobody an answer, and leaves nothing wrong behind', async () => {
    proxy = await startFaultProxy(redis.url);
    const one = await start(proxy.url);
    await hits(one);
    const before = await usualLoad(RATE, calls(one));
    const errorsBefore = one.count('cache.get_error');

    let [goneAt, backAt, usedMs] = [0, 0, 0];
    const answers = await underLoad(RATE, calls(one), async () => {
      goneAt = performance.now();
      takeAway();
      await wait(3000);
      await bringBack();
      backAt = performance.now();
      await one.available();
      usedMs = performance.now() - backAt;
      await hits(one);
      await wait(500);
    });

    const [reads, writes] = split(between(answers, goneAt, goneAt + 1000));
    const later = between(answers, goneAt + 1000, backAt);
    const gaveUp = one.count('cache.get_error') - errorsBefore;
    const usualMs = quantileMs(before, 0.99);
    figure(row, 'p99 before, ms', usualMs);
    figure(row, 'p99 of reads in the first second, ms', quantileMs(reads, 0.99), { atMost: usualMs + 60 });
    // An invalidation has 150 ms of its own before its write is answered as pending.
    figure(row, 'slowest write in the first second, ms', quantileMs(writes, 1), { atMost: usualMs + 160 });
    figure(row, 'p99 later, ms', quantileMs(later, 0.99), { atMost: usualMs + 5 });
    // Those who were asking at that moment, and again at most once for every attempt to use it.
    figure(row, 'calls that gave up', gaveUp, { atMost: 5 });
    figure(row, 'until it is used again, ms', usedMs, { atMost: 2000 });
    expectAllRight([...before, ...answers]);
    expect(shareOf(later, 'HIT')).toBe(0);
  });
});

it('F7: a Redis that comes and goes fails nobody, is not besieged, and fills no log', async () => {
  proxy = await startFaultProxy(redis.url);
  const one = await start(proxy.url);
  await one.available();
  const [acceptedBefore, newsBefore] = [proxy.accepted(), one.news.length];
  const [flaps, halfMs] = isMeasuring ? [30, 1000] : [6, 700];
  const since = performance.now();

  const answers = await underLoad(RATE, calls(one), async () => {
    for (let n = 0; n < flaps / 2; n++) {
      redis.freeze();
      await wait(halfMs);
      redis.thaw();
      await wait(halfMs);
    }
    for (let n = 0; n < flaps / 2; n++) {
      await redis.kill();
      await wait(halfMs);
      redis = await startRedis({ port: redis.port });
      await wait(halfMs);
    }
  });
  const seconds = (performance.now() - since) / 1000;
  await hits(one);

  figure('F7', 'attempts a second', (proxy.accepted() - acceptedBefore) / seconds, { atMost: 2 });
  figure('F7', 'log lines a flap', linesOf(one.news.slice(newsBefore)) / flaps, { atMost: 2 });
  figure('F7', 'hits, %', 100 * shareOf(answers, 'HIT'));
  figure('F7', 'p99, ms', quantileMs(answers, 0.99));
  expectAllRight(answers);
});

/** Lines that a log at `info` gets, but for those of each run and each write, which it has at all times. */
function linesOf(news: readonly CacheModuleEvent[]): number {
  const usual = ['cache.miss', 'cache.stored', 'cache.invalidated'];
  const catalogue: Partial<Record<string, { readonly level: string }>> = logCatalogue;
  return news.filter(({ event }) => {
    const { level = 'debug' } = catalogue[event] ?? {};
    return level !== 'debug' && !usual.includes(event);
  }).length;
}

it('F8: a Redis that is killed and starts empty makes each process run each method once', async () => {
  // A busy machine shall not look like a slow Redis.
  const timings = { commandTimeoutMs: 1000 };
  const apps = [await start(redis.url, {}, timings), await start(redis.url, {}, timings)];
  await Promise.all(apps.map((one) => one.available()));
  const before = await usualLoad(RATE, calls(...apps));

  const during = await underLoad(RATE, calls(...apps), async () => {
    await redis.kill();
    redis = await startRedis({ port: redis.port });
    await Promise.all(apps.map((one) => one.available()));
  });
  database.reads.clear();
  const reads = (n: number) => apps[n % 2]!.get(String(n % KEYS));
  const after = await underLoad(2 * RATE, reads, () => wait(1500));

  const most = Math.max(...database.reads.values());
  figure('F8', `runs of a method by ${apps.length} processes`, most, { atMost: apps.length });
  figure('F8', 'p99 before, ms', quantileMs(before, 0.99));
  figure('F8', 'p99 after, ms', quantileMs(after, 0.99));
  expectAllRight([...before, ...during, ...after]);
  expect(shareOf(after, 'HIT')).toBeGreaterThan(0.2);
  expect(most).toBeLessThanOrEqual(apps.length);
});

/** From 10 s to 25 s after it was refused, of which up to 3 s are over. */
async function figureAttempts(why: string, way: FaultProxy): Promise<void> {
  await wait(7000);
  const [before, since] = [way.accepted(), performance.now()];
  await wait(15_000);
  const seconds = (performance.now() - since) / 1000;
  figure('F15', `${why}: attempts a second after 10 s`, (way.accepted() - before) / seconds, { atMost: 1 });
}

it('F15: a Redis that does not take the password any more is tried now and then, and used when it does', async () => {
  const port = await freePort();
  await redis.stop();
  redis = await startRedis({ port, password: 'first' });
  proxy = await startFaultProxy(redis.url);
  // A busy machine shall not look like a slow Redis.
  const one = await start(proxy.url, {}, { commandTimeoutMs: 1000 });
  await hits(one);
  const operator = (admin = await connectAdmin(redis));
  const connections = proxy.connections();

  const acceptedBefore = proxy.accepted();
  let [attempts, usedMs] = [0, 0];
  const answers = await underLoad(RATE, calls(one), async () => {
    await operator.configSet('requirepass', 'second');
    await operator.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
    await operator.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']);
    await wait(3000);
    attempts = proxy!.accepted() - acceptedBefore;
    expect(one.isAvailable()).toBe(false);
    if (isMeasuring) await figureAttempts('password changed', proxy!);
    await operator.configSet('requirepass', 'first');
    const since = performance.now();
    await hits(one);
    usedMs = performance.now() - since;
  });

  figure('F15', 'attempts of a connection in 3 s', attempts / connections, { atMost: 10 });
  figure('F15', 'until it is used again, ms', usedMs, { atMost: 5000 });
  expectAllRight(answers);
  expect(JSON.stringify(one.events)).not.toMatch(/first|second/);
  expect(one.events.filter(({ event }) => event === 'cache.connect_failed')).toEqual([
    { event: 'cache.connect_failed', reason: 'WRONGPASS' },
  ]);

  // A command that it may not use any more is a failure like any other: these two say that a hit is right.
  await operator.sendCommand(['ACL', 'SETUSER', 'default', '-mget', '-get']);
  const refused = await underLoad(RATE, calls(one), () => wait(500));
  expectAllRight(refused);
  expect(shareOf(refused, 'HIT')).toBe(0);
  await operator.sendCommand(['ACL', 'SETUSER', 'default', '+mget', '+get']);
  await hits(one);
});

it('F15: a Redis whose user for it was deleted is tried now and then, and used when there is one again', async () => {
  proxy = await startFaultProxy(redis.url);
  const operator = (admin = await connectAdmin(redis));
  const rights = required('TEST_REDIS_RIGHTS').split(' ');
  const makeUser = () => operator.sendCommand(['ACL', 'SETUSER', 'app', 'on', '>first', ...rights]);
  await makeUser();
  // A busy machine shall not look like a slow Redis.
  const one = await start(proxy.url.replace('//', '//app:first@'), {}, { commandTimeoutMs: 1000 });
  await hits(one);

  let [answered, usedMs] = [0, 0];
  const call = (n: number) => calls(one)(n).finally(() => answered++);
  const answers = await underLoad(RATE, call, async () => {
    await operator.sendCommand(['ACL', 'DELUSER', 'app']);
    await pollUntil(() => one.count('cache.connect_failed') > 0 && answered > 20, 10_000);
    expect(one.isAvailable()).toBe(false);
    if (isMeasuring) await figureAttempts('user deleted', proxy!);
    await makeUser();
    const since = performance.now();
    await hits(one);
    usedMs = performance.now() - since;
  });

  figure('F15', 'user deleted: until it is used again, ms', usedMs, { atMost: 5000 });
  expectAllRight(answers);
  expect(JSON.stringify(one.events)).not.toMatch(/first/);
  expect(one.events.filter(({ event }) => event === 'cache.connect_failed')).toEqual([
    { event: 'cache.connect_failed', reason: 'WRONGPASS' },
  ]);
});

describe('F56: a name service that is gone', () => {
  let isGone = false;
  const { lookup } = promises;

  beforeEach(() => {
    isGone = false;
    jest.spyOn(promises, 'lookup').mockImplementation((async (host: string, options: object) => {
      if (!host.endsWith('.test')) return lookup(host, options);
      if (isGone) throw Object.assign(new Error(`getaddrinfo EAI_AGAIN ${host}`), { code: 'EAI_AGAIN' });
      return [{ address: '127.0.0.1', family: 4 }];
    }) as typeof lookup);
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  const named = (host: string) => redis.url.replace('127.0.0.1', host);

  it('F56: connections that are lost meanwhile are made again, to where the name led last', async () => {
    const one = await start(named('known.test'));
    await hits(one);
    const operator = (admin = await connectAdmin(redis));

    let usedMs = 0;
    const answers = await underLoad(RATE, calls(one), async () => {
      isGone = true;
      await operator.sendCommand(['CLIENT', 'KILL', 'USER', 'default']);
      const since = performance.now();
      await pollUntil(() => one.count('cache.reconnecting') > 0, 5000);
      await hits(one);
      usedMs = performance.now() - since;
      await wait(500);
    });

    figure('F56', 'until Redis is used again, ms', usedMs, { atMost: 3000 });
    expectAllRight(answers);
  });

  it('F56: who starts meanwhile answers without Redis, and uses it once there are names', async () => {
    isGone = true;
    const one = await start(named('new.test'));
    const answers = await underLoad(RATE, calls(one), () => wait(1000));
    isGone = false;
    const since = performance.now();
    await hits(one);

    figure('F56', 'started without names: until Redis is used, ms', performance.now() - since, {
      atMost: 3000,
    });
    expectAllRight(answers);
    expect(shareOf(answers, 'HIT')).toBe(0);
  });
});
