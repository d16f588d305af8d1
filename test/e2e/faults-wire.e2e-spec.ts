import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { Controller, Get, Query } from '@nestjs/common';
import { Cached, CacheService, RedisService } from '../../src/cache/index.js';
import { expectHit, expectMiss } from '../../src/cache/testing/index.js';
import { startCachedApp } from '../support/cached-app.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { figure, isMeasuring } from '../support/figures.js';
import { failed, shareOf, underLoad } from '../support/load.js';
import { pollUntil, startRedis, type RedisProcess } from '../support/processes.js';
import { connectAdmin, type RedisAdmin } from '../support/redis-admin.js';
import { startVersionedApp, VersionedDatabase, type VersionedApp } from '../support/versioned-app.js';

jest.setTimeout(120_000);

/** Prime, so that what is written is also read. */
const KEYS = 19;
// Unless times are judged a busy machine shall keep up with it, beside what else it runs.
const RATE = isMeasuring ? 50 : 25;

let database: VersionedDatabase;
let redis: RedisProcess;
let proxy: FaultProxy;
let one: VersionedApp;
let admin: RedisAdmin;

beforeEach(async () => {
  database = new VersionedDatabase();
  redis = await startRedis({ rights: ['~own:*'] });
  proxy = await startFaultProxy(redis.url);
  // A busy machine shall not look like a slow Redis.
  one = await startVersionedApp(database, { url: proxy.url, commandTimeoutMs: 1000 });
  await one.available();
  admin = await connectAdmin(redis);
});

afterEach(async () => {
  admin.destroy();
  await one.close();
  await proxy.close();
  await redis.stop();
});

/** Its questions depend on the same things: only what was asked tells their entries apart. */
@Controller()
class ListsController {
  #runs = 0;

  @Get('of-query')
  @Cached({ ttl: 60, prefix: 'of_query' })
  ofQuery(@Query('kind') kind: string) {
    return { kind, run: ++this.#runs };
  }

  @Get('of-user')
  @Cached({ ttl: 60, prefix: 'of_user', scope: 'user' })
  ofUser() {
    return { run: ++this.#runs };
  }
}

const call = (n: number) => (n % 10 === 1 ? one.write(String(n % KEYS)) : one.get(String(n % KEYS)));

function hits(id = 'probe'): Promise<void> {
  return pollUntil(async () => (await one.get(id)).cache === 'HIT', 30_000);
}

it('F11: a connection that is reset in the middle of a reply costs one request its entry', async () => {
  const answers = await underLoad(RATE, call, async () => {
    // Some as soon as they are made, most after some answers.
    proxy.cut(() => Math.floor(50_000 * Math.random() ** 2));
    await wait(isMeasuring ? 20_000 : 3000);
    await pollUntil(() => proxy.accepted() > 5, 30_000);
    await proxy.restore();
    await hits();
  });

  figure('F11', 'connections', proxy.accepted());
  figure('F11', 'requests', answers.length);
  figure('F11', 'hits, %', 100 * shareOf(answers, 'HIT'), { atLeast: 1 });
  expect(failed(answers)).toEqual([]);
  expect(database.wrong).toEqual([]);
  expect(proxy.accepted()).toBeGreaterThan(5);
  expect(shareOf(answers, 'HIT')).toBeGreaterThan(0);
});

it('F12: bytes that Redis never sent are nobody’s answer', async () => {
  const service = one.app.get(RedisService);
  const names = Array.from({ length: 500 }, (_, n) => `own:${n}`);
  await Promise.all(names.map((name) => service.set(name, name)));
  let [asked, answered] = [0, 0];
  const wrong: unknown[] = [];

  const [enough, rounds] = isMeasuring ? [100_000, 400] : [25_000, 50];
  for (let round = 0; round < rounds && answered < enough; round++) {
    if (round % 20 === 10) {
      proxy.inject(['HTTP/1.1 400 Bad Request\r\n\r\n', '\u0000\u0001\u0002', '@@@'][round % 3]!);
    }
    const values = await Promise.all(names.map((name) => service.get(name)));
    asked += values.length;
    for (const [index, value] of values.entries()) {
      if (value !== undefined) answered++;
      if (value !== undefined && value !== names[index]) wrong.push(value);
    }
    await one.available();
  }

  figure('F12', 'reads', asked);
  figure('F12', 'of them answered', answered, { atLeast: 100_000 });
  figure('F12', 'of them wrong', wrong.length, { atMost: 0 });
  expect(wrong).toEqual([]);
  expect(answered).toBeGreaterThan(asked / 2);
  expect(proxy.accepted()).toBeGreaterThan(3);
});

it('F12: a reply too many, well-formed, is nobody’s entry', async () => {
  const answers = await underLoad(RATE, call, async () => {
    await wait(500);
    proxy.inject('$5\r\nhello\r\n');
    await wait(1500);
    await hits();
  });

  expect(failed(answers)).toEqual([]);
  expect(database.wrong).toEqual([]);
});

it('F12: another server behind the address is a Redis that is away', async () => {
  const http = createServer((_, answer) => answer.end('hello')).listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const lost = await startVersionedApp(database, { url: `redis://127.0.0.1:${port}` });

  const answers = await underLoad(
    RATE,
    (n) => lost.get(String(n % KEYS)),
    () => wait(1000),
  );

  expect(failed(answers)).toEqual([]);
  expect(shareOf(answers, 'BYPASS')).toBe(1);
  await lost.close();
  http.closeAllConnections();
  http.close();
});

it.each(['sentinels', 'clusterNodes'] as const)(
  'F12: %s that speak no protocol are a Redis that is away',
  async (kind) => {
    const sockets = new Set<Socket>();
    let accepted = 0;
    const server = createTcpServer((socket) => {
      accepted++;
      sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)));
      socket.on('data', () => socket.write('@@@\r\n'));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const lost = await startVersionedApp(database, { [kind]: [`127.0.0.1:${port}`] });

    const answers = await underLoad(
      RATE,
      (n) => lost.get(String(n % KEYS)),
      () => wait(1000),
    );

    expect(failed(answers)).toEqual([]);
    expect(shareOf(answers, 'BYPASS')).toBe(1);
    expect(accepted).toBeGreaterThan(1);
    expect(sockets.size).toBeLessThanOrEqual(2);
    await lost.close();
    await pollUntil(() => sockets.size === 0, 5000);
    server.close();
  },
);

/** @returns what `work` gives, and for how long nothing else could run at most until shortly after, ms */
async function longestBlock<T>(work: () => Promise<T>): Promise<[T, number]> {
  let [last, longest] = [performance.now(), 0];
  const ticks = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  const result = await work();
  // What came last may be followed by more work for it.
  await wait(50);
  clearInterval(ticks);
  return [result, longest];
}

describe('F21: A14: an entry that is', () => {
  const header = (text: string) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    return Buffer.concat([Buffer.from('ANC2'), length, Buffer.from(text)]);
  };
  it.each([
    ['no JSON', () => header('{"keyText":')],
    ['nested a hundred thousand times', () => header('['.repeat(100_000) + ']'.repeat(100_000))],
    ['of another program', () => Buffer.from('\u001f\u008b something compressed')],
    ['empty', () => Buffer.alloc(0)],
  ])('%s is a miss, and is replaced', async (_, forged) => {
    await one.get('1');
    await one.app.get(CacheService).settle();
    const [key = ''] = await admin.keys('cache:versioned_thing:*');
    const whole = Buffer.from(forged());
    await admin.set(key, whole, { expiration: { type: 'PX', value: 60_000 } });
    // What this process holds itself would hide what is in Redis.
    const other = await startVersionedApp(database, { url: proxy.url, commandTimeoutMs: 1000 });
    await other.available();

    const [answer, blockMs] = await longestBlock(() => other.get('1'));
    await other.app.get(CacheService).settle();

    figure('F21', `${whole.length} bytes: longest block, ms`, blockMs, { atMost: 20 });
    expect(answer.status).toBe(200);
    expect(answer.cache).not.toBe('HIT');
    await other.available();
    await pollUntil(async () => (await other.get('1')).cache === 'HIT', 5000);
    expect(await admin.strLen(key)).toBeLessThan(2000);
    expect(database.wrong).toEqual([]);
    await other.close();
  });

  it('too large is a miss, and is replaced, and others are found', async () => {
    await one.get('1');
    await one.app.get(CacheService).settle();
    const [key = ''] = await admin.keys('cache:versioned_thing:*');
    await admin.set(key, Buffer.alloc(50_000_000, 'x'), { expiration: { type: 'PX', value: 60_000 } });
    const other = await startVersionedApp(database, { url: proxy.url });
    await other.available();

    const [answers, blockMs] = await longestBlock(async () => {
      const asked = await Promise.all(Array.from({ length: 5 }, () => other.get('1')));
      await pollUntil(async () => (await other.get('2')).cache === 'HIT', 20_000);
      return asked;
    });

    figure('F21', '50,000,000 bytes: longest block, ms', blockMs, { atMost: 20 });
    expect(failed(answers)).toEqual([]);
    expect(shareOf(answers, 'HIT')).toBe(0);
    await pollUntil(async () => (await other.get('1')).cache === 'HIT', 20_000);
    await other.app.get(CacheService).settle();
    expect(await admin.strLen(key)).toBeLessThan(2000);
    expect(database.wrong).toEqual([]);
    await other.close();
  });

  it('cut off anywhere is a miss, and is replaced', async () => {
    await one.get('1');
    await one.app.get(CacheService).settle();
    const [key = ''] = await admin.keys('cache:versioned_thing:*');
    const size = await admin.strLen(key);
    const whole = (await admin.get(key))!;
    for (const length of [3, 7, 20, Math.floor(size / 2)]) {
      await admin.set(key, whole.slice(0, length), { expiration: { type: 'PX', value: 60_000 } });
      const other = await startVersionedApp(database, { url: proxy.url, commandTimeoutMs: 1000 });
      await other.available();

      expect(await other.get('1')).toMatchObject({ status: 200, cache: 'MISS' });
      await other.app.get(CacheService).settle();
      expect(await other.get('1')).toMatchObject({ status: 200, cache: 'HIT' });
      await other.close();
    }
  });

  it.each([
    ['query', ['/of-query?kind=a', ''], ['/of-query?kind=b', '']],
    ['user', ['/of-user', 'ada'], ['/of-user', 'grace']],
  ] as const)('of a question that differs in its %s is a miss, as if both had one hash', async (by, a, b) => {
    const { app, url } = await startCachedApp({
      controllers: [ListsController],
      options: {
        redis: { url: proxy.url, commandTimeoutMs: 1000 },
        principal: ({ headers }) => headers['x-user'] as string,
        // What this process holds itself would hide what is in Redis.
        maxBytes: 0,
      },
    });
    const cache = app.get(CacheService);
    await pollUntil(() => cache.stats().isAvailable, 10_000);
    const ask = async ([path, user]: readonly [string, string]) => {
      const answer = await fetch(url + path, { headers: { 'x-user': user } });
      await cache.settle();
      return { headers: answer.headers, body: await answer.text() };
    };
    const keys = () => admin.keys(`cache:of_${by}:*`);
    const ofA = await ask(a);
    const [keyOfA = ''] = await keys();
    const ofB = await ask(b);
    const [keyOfB = ''] = (await keys()).filter((key) => key !== keyOfA);
    expectHit(await ask(b));

    expect(await admin.copy(keyOfA, keyOfB, { REPLACE: true })).toBe(1);

    const again = await ask(b);
    expectMiss(again);
    expect([ofA.body, ofB.body]).not.toContain(again.body);
    const last = [await ask(a), await ask(b)];
    last.forEach(expectHit);
    expect(last.map(({ body }) => body)).toEqual([ofA.body, again.body]);
    await app.close();
  });
});

it('F22: a list under our key is a miss, and makes room', async () => {
  await one.get('1');
  await one.app.get(CacheService).settle();
  for (const key of await admin.keys('cache:versioned_thing:*')) {
    await admin.unlink(key);
    await admin.lPush(key, ['a', 'b']);
  }

  const answers = await underLoad(
    RATE,
    () => one.get('1'),
    () => wait(300),
  );

  figure('F22', 'failed, with a list under their key', failed(answers).length, { atMost: 0 });
  expect(failed(answers)).toEqual([]);
  await hits('1');
});

it('F22: a list under a token of ours is a miss, and makes room', async () => {
  await hits('1');
  const names = await admin.keys('token:*');
  for (const key of names) {
    await admin.unlink(key);
    await admin.lPush(key, ['a', 'b']);
  }

  const answers = await underLoad(RATE, call, () => wait(300));

  figure('F22', 'failed, with lists under their tokens', failed(answers).length, { atMost: 0 });
  expect(names.length).toBeGreaterThan(2);
  expect(failed(answers)).toEqual([]);
  await hits('1');
  expect(database.wrong).toEqual([]);
});
