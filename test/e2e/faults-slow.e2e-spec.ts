import { setTimeout as wait } from 'node:timers/promises';
import { figure } from '../support/figures.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { between, failed, quantileMs, shareOf, underLoad, usualLoad } from '../support/load.js';
import { pollUntil, startRedis, type RedisProcess } from '../support/processes.js';
import { startVersionedApp, VersionedDatabase, type VersionedApp } from '../support/versioned-app.js';

jest.setTimeout(120_000);

/** Prime, so that what is written is also read. */
const KEYS = 19;
const RATE = 50;

let database: VersionedDatabase;
let redis: RedisProcess;
let proxy: FaultProxy;
let one: VersionedApp;

beforeEach(async () => {
  database = new VersionedDatabase();
  redis = await startRedis();
  proxy = await startFaultProxy(redis.url);
  one = await startVersionedApp(database, { url: proxy.url });
  await pollUntil(async () => (await one.get('probe')).cache === 'HIT', 30_000);
});

afterEach(async () => {
  await one.close();
  await proxy.close();
  await redis.stop();
});

const call = (n: number) => (n % 10 === 1 ? one.write(String(n % KEYS)) : one.get(String(n % KEYS)));

it('F5: a Redis that takes 200 ms for everything is soon not asked any more', async () => {
  const before = await usualLoad(RATE, call);
  const errorsBefore = one.count('cache.get_error');

  let since = 0;
  const answers = await underLoad(RATE, call, async () => {
    since = performance.now();
    proxy.delay(200);
    await wait(4000);
  });

  const reads = answers.filter(({ cache }) => cache !== null);
  const [first, later] = [between(reads, since, since + 1000), between(reads, since + 1000)];
  const gaveUp = one.count('cache.get_error') - errorsBefore;
  const usualMs = quantileMs(before, 0.99);
  figure('F5', 'p99 before, ms', usualMs);
  figure('F5', 'p99 in the first second, ms', quantileMs(first, 0.99), { atMost: usualMs + 60 });
  figure('F5', 'p99 later, ms', quantileMs(later, 0.99), { atMost: usualMs + 5 });
  figure('F5', 'reads that gave up, %', (100 * gaveUp) / reads.length, { atMost: 10 });
  expect(failed([...before, ...answers])).toEqual([]);
  expect(database.wrong).toEqual([]);
  expect(shareOf(later, 'HIT')).toBe(0);
});

it('F6: a Redis that takes 2 s for one reply in a hundred is used for the others', async () => {
  const before = await usualLoad(RATE, call);
  const opened = () =>
    one.events.filter((event) => event.event === 'cache.breaker' && event.state === 'open').length;
  const openedBefore = opened();

  let isAnew = false;
  let hitsAnew = 0;
  const seen = async (n: number) => {
    const isRead = isAnew;
    const answer = await call(n);
    if (isRead && answer.cache === 'HIT') hitsAnew++;
    return answer;
  };
  let firstMs = Infinity;
  const answers = await underLoad(RATE, seen, async () => {
    const acceptedBefore = proxy.accepted();
    proxy.delay(2000, 0.01);
    await wait(4000);
    firstMs = performance.now();
    // By then all connections have met a slow one, most likely, and been made again.
    await pollUntil(() => proxy.accepted() > acceptedBefore + 2, 30_000);
    isAnew = true;
    await pollUntil(() => hitsAnew > 0, 15_000);
  });

  const reads = between(answers, 0, firstMs).filter(({ cache }) => cache !== null);
  const usualMs = quantileMs(before, 0.999);
  figure('F6', 'p99.9 before, ms', usualMs);
  figure('F6', 'p99.9 with it, ms', quantileMs(reads, 0.999), { atMost: usualMs + 60 });
  figure('F6', 'hits, %', 100 * shareOf(reads, 'HIT'), { atLeast: 50 });
  figure('F6', 'times that the circuit breaker opened', opened() - openedBefore, { atMost: 0 });
  expect(failed([...before, ...answers])).toEqual([]);
  expect(database.wrong).toEqual([]);
  expect(hitsAnew).toBeGreaterThan(0);
});
