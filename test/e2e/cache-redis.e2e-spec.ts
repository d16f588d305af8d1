import { Controller, Get, type INestApplication, Injectable, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from 'redis';
import {
  Cached,
  CacheModule,
  CacheService,
  InvalidateCache,
  RedisService,
  type CacheModuleEvent,
  type CacheModuleOptions,
  type RedisOptions,
} from '../../src/cache/index.js';
import { expectHit, expectMiss } from '../../src/cache/testing/index.js';
import { ask } from '../support/ask-redis.js';
import { startCachedApp } from '../support/cached-app.js';
import { deferred } from '../support/deferred.js';
import { figure } from '../support/figures.js';
import { pollUntil, startRedis, type RedisProcess } from '../support/processes.js';
import { startFaultProxy } from '../support/fault-proxy.js';

let value = 1;

@Controller('things')
class ThingsController {
  @Get(':id')
  @Cached({ ttl: 60, prefix: 'thing', tags: ['thing:{id}'] })
  get(@Param('id') id: string) {
    return { id, value };
  }

  @Get('bounded/:id')
  @Cached({ ttl: 60, prefix: 'bounded_thing', consistency: 'bounded', tags: ['thing:{id}'] })
  getBounded(@Param('id') id: string) {
    return { id, value };
  }

  @Post(':id')
  @InvalidateCache('thing:{id}')
  write(@Param('id') id: string) {
    value++;
    return { id, value };
  }
}

@Injectable()
class Keeper {
  constructor(private readonly cache: CacheService) {}

  keep(): Promise<number> {
    return this.cache.getOrSet('kept', { ttl: 60 }, () => value);
  }

  /** What is ended inside a method that writes is ended when that has ended. */
  @InvalidateCache(() => [])
  async end(how: 'delete' | 'clear', rest: Promise<void>): Promise<boolean> {
    const isTaken = await (how === 'clear' ? this.cache.clear() : this.cache.delete('kept'));
    await rest;
    value++;
    return isTaken;
  }
}

@Injectable()
class Job {
  @InvalidateCache('thing:{0}')
  async run(_id: string, rest: Promise<void>): Promise<void> {
    await rest;
    value++;
  }
}

/** What an application keeps through `RedisService` is its own to allow. */
const ownKeys = ['~own:*'];
let redis: RedisProcess;
let running: { app: INestApplication; url: string; events: CacheModuleEvent[] }[] = [];

beforeEach(async () => {
  value = 1;
  redis = await startRedis({ rights: ownKeys });
});

afterEach(async () => {
  redis.thaw();
  await Promise.all(running.map(({ app }) => app.close()));
  running = [];
  await redis.stop();
});

async function start(redisOptions: Partial<RedisOptions> = {}, options: CacheModuleOptions = {}) {
  const events: CacheModuleEvent[] = [];
  const started = await startCachedApp({
    controllers: [ThingsController],
    // A busy machine must not look like a slow Redis, except where the limit itself is tested.
    options: {
      redis: { url: redis.url, commandTimeoutMs: 1000, ...redisOptions },
      onEvent: (event) => events.push(event),
      ...options,
    },
  });
  const instance = { ...started, events };
  running.push(instance);
  return instance;
}

async function connected({ app }: { app: INestApplication }): Promise<void> {
  await pollUntil(() => app.get(CacheService).stats().isAvailable, 3000);
}

interface Answer {
  value: number;
  cache: string | null;
  headers: Headers;
  ms: number;
}

async function get({ app, url }: { app: INestApplication; url: string }, id = 'a'): Promise<Answer> {
  const since = performance.now();
  const response = await fetch(`${url}/things/${id}`);
  const body = (await response.json()) as { value: number };
  const ms = performance.now() - since;
  await app.get(CacheService).settle();
  const { headers } = response;
  return { value: body.value, cache: headers.get('x-cache'), headers, ms };
}

function write({ url }: { url: string }, id = 'a'): Promise<Response> {
  return fetch(`${url}/things/${id}`, { method: 'POST' });
}

describe('two processes on one Redis', () => {
  it('share answers, and neither serves the old one after a write through the other', async () => {
    const [one, other] = [await start(), await start()];
    await Promise.all([connected(one), connected(other)]);
    await get(one);
    expectHit(await get(other));

    await write(one);

    expect(await get(other)).toMatchObject({ cache: 'MISS', value: 2 });
    expect(await get(one)).toMatchObject({ cache: 'HIT', value: 2 });
  });

  it.each(['delete', 'clear'] as const)(
    'hear of a %s by the other, which waits for a method around it',
    async (how) => {
      const startKeeper = async () => {
        const started = await startCachedApp({
          controllers: [ThingsController],
          providers: [Keeper],
          options: { redis: { url: redis.url, commandTimeoutMs: 1000 } },
        });
        running.push({ ...started, events: [] });
        await connected(started);
        const [keeper, cache] = [started.app.get(Keeper), started.app.get(CacheService)];
        const kept = async (): Promise<number> => {
          const value = await keeper.keep();
          await cache.settle();
          return value;
        };
        return { keeper, cache, kept };
      };
      const [one, other] = [await startKeeper(), await startKeeper()];
      expect([await one.kept(), await other.kept()]).toEqual([1, 1]);
      value = 2;
      expect(await other.kept()).toBe(1);

      expect(await (how === 'clear' ? one.cache.clear() : one.cache.delete('kept'))).toBe(true);
      expect(await other.kept()).toBe(2);

      const rest = deferred();
      const ending = one.keeper.end(how, rest.promise);
      value = 3;
      expect(await other.kept()).toBe(2);
      rest.resolve();
      expect(await ending).toBe(true);
      expect(await other.kept()).toBe(4);
    },
  );

  it('ask nobody for a hit on a bounded view, and hear of a write through the other', async () => {
    const [one, other] = [await start(), await start()];
    await Promise.all([connected(one), connected(other)]);
    await get(one, 'bounded/a');
    const admin = createClient({ url: redis.adminUrl });
    await admin.connect();
    const questions = async () =>
      Number(/cmdstat_mget:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0);
    // It is trusted once this process hears of invalidations, and has seen its tokens since.
    await pollUntil(async () => {
      const before = await questions();
      await get(one, 'bounded/a');
      return (await questions()) === before;
    }, 5000);

    await write(other);

    await pollUntil(async () => (await get(one, 'bounded/a')).value === 2, 5000);
    await admin.close();
  });

  it('keep every entry under the documented key, with a lifetime', async () => {
    const one = await start();
    await connected(one);
    await get(one);
    const admin = createClient({ url: redis.adminUrl });
    await admin.connect();

    const [key = ''] = await admin.keys('cache:thing:*');

    expect(key).toMatch(/^cache:thing:[0-9a-f]{32}$/);
    // A bare number is seconds.
    const livesMs = await admin.pTTL(key);
    expect(livesMs).toBeGreaterThan(50_000);
    expect(livesMs).toBeLessThan(61_000);
    for (const name of await admin.keys('token:*')) expect(await admin.pTTL(name)).toBeGreaterThan(0);
    await admin.close();
  });
});

describe('a Redis that is not there at the start', () => {
  it('does not keep the application from answering, and is used once it appears', async () => {
    const { port } = redis;
    await redis.kill();
    const one = await start();

    expect(await get(one)).toMatchObject({ cache: 'BYPASS', value: 1 });
    redis = await startRedis({ port, rights: ownKeys });
    await connected(one);

    expectMiss(await get(one));
    expectHit(await get(one));
    expect(one.events.filter(({ event }) => event === 'cache.connect_failed')).toHaveLength(1);
  });

  it('does not keep it waiting when it accepts connections and says nothing', async () => {
    redis.freeze();
    const one = await start();

    expect(await get(one)).toMatchObject({ cache: 'BYPASS', value: 1 });
    redis.thaw();
    await connected(one);

    expectMiss(await get(one));
  });
});

const freeze = () => {
  redis.freeze();
  return Promise.resolve();
};
const thaw = () => {
  redis.thaw();
  return Promise.resolve();
};
const kill = () => redis.kill();
const startAgain = async () => {
  redis = await startRedis({ port: redis.port, rights: ownKeys });
};

describe.each([
  ['hung', freeze, thaw],
  ['killed', kill, startAgain],
])('a Redis that is %s under way', (_, stop, restart) => {
  it('T8: costs one request its budget at most, and nobody an answer', async () => {
    const one = await start({ commandTimeoutMs: 50 });
    await connected(one);
    await get(one);

    await stop();
    const answers: Answer[] = [];
    for (let n = 0; n < 20; n++) answers.push(await get(one, `n${n % 3}`));

    expect(answers.every(({ cache }) => cache === 'BYPASS')).toBe(true);
    // Only who was first waited its 50 ms; nobody after it asked at all.
    expect(one.events.filter(({ event }) => event === 'cache.get_error').length).toBeLessThanOrEqual(1);
    await restart();
    const since = performance.now();
    await connected(one);
    figure('T8', 'until it is used again, ms', performance.now() - since, { atMost: 3000 });
  });

  it('does not bring back what was invalidated while it was away', async () => {
    const one = await start();
    await connected(one);
    await get(one);

    await stop();
    expect((await write(one)).status).toBe(201);
    expect(await get(one)).toMatchObject({ cache: 'BYPASS', value: 2 });
    await restart();
    await connected(one);

    expect((await get(one)).value).toBe(2);
  });
});

it('is there from the start, and a process that ends at once leaves nothing undone', async () => {
  const reader = await start();
  const read = async () => ((await (await fetch(`${reader.url}/things/1`)).json()) as Answer).value;
  await pollUntil(async () => (await fetch(`${reader.url}/things/1`)).headers.get('x-cache') === 'HIT', 3000);
  value++;
  expect(await read()).toBe(1);

  const job = await NestFactory.createApplicationContext(
    CacheModule.forRoot({ redis: { url: redis.url, commandTimeoutMs: 1000 } }),
    { logger: false },
  );
  expect(await job.get(CacheService).invalidate('thing:1')).toBe(true);
  await job.close();

  expect(await read()).toBe(2);
});

it('a process that is to end waits for a method that writes, and invalidates', async () => {
  const reader = await start();
  await connected(reader);
  await get(reader);
  const worker = await startCachedApp({
    controllers: [ThingsController],
    providers: [Job],
    options: { redis: { url: redis.url, commandTimeoutMs: 1000 } },
  });
  await connected(worker);
  const rest = deferred();
  const work = worker.app.get(Job).run('a', rest.promise);

  const closing = worker.app.close();
  await pause(50);
  rest.resolve();
  await Promise.all([work, closing]);

  expect(await get(reader)).toMatchObject({ cache: 'MISS', value: 2 });
});

it('a tag takes the same memory however much it names and however often it is invalidated', async () => {
  const one = await start();
  await connected(one);
  const cache = one.app.get(CacheService);
  const keep = async (count: number) => {
    for (let n = 0; n < count; n++)
      await cache.getOrSet(`kept:${n}`, { ttl: 60, tags: ['group:1'] }, () => n);
    await cache.settle();
  };
  const admin = createClient({ url: redis.adminUrl });
  await admin.connect();
  const ownTokens = 'token:prefix/default/';
  /** Of all that is no entry, and no token by which an entry's own key is deleted. */
  const bytesOfTags = async () => {
    const keys = (await admin.keys('*')).filter(
      (key) => !key.startsWith('cache:') && !key.startsWith(ownTokens),
    );
    const sizes = await Promise.all(keys.map((key) => admin.strLen(key)));
    return Object.fromEntries(keys.sort().map((key, i) => [key, sizes[i]]));
  };

  await keep(1);
  const ofOne = await bytesOfTags();
  await keep(500);
  const ofMany = await bytesOfTags();
  for (let n = 0; n < 20; n++) {
    await cache.invalidate('group:1');
    await keep(1);
  }

  expect(Object.keys(ofOne)).toContain('token:tag/group:1');
  expect((await admin.keys('cache:*')).length).toBe(500);
  expect((await admin.keys(`${ownTokens}*`)).length).toBe(500);
  expect(ofMany).toEqual(ofOne);
  expect(await bytesOfTags()).toEqual(ofOne);
  await admin.close();
});

async function clients(named = 'ai-native-cache'): Promise<string[]> {
  const admin = createClient({ url: redis.adminUrl });
  await admin.connect();
  const names = (await admin.clientList()).map(({ name }) => name).filter((name) => name === named);
  await admin.close();
  return names;
}

describe('settings of the connection', () => {
  it('maxConnections bounds the connections, in a pool and without', async () => {
    const single = await start({ maxConnections: 1 });
    await connected(single);
    expect(await clients()).toHaveLength(1);
    await single.app.close();

    const pool = await start({ maxConnections: 5, pool: true });
    await connected(pool);
    await Promise.all(Array.from({ length: 50 }, (_, n) => get(pool, String(n))));
    await pollUntil(async () => (await clients()).length === 5, 3000);
  });

  it('name tells two services apart, to who reads their answers and to who looks at the server', async () => {
    const shop = await start({}, { name: 'shop' });
    const bank = await start({ maxConnections: 1 }, { name: 'bank' });
    await Promise.all([connected(shop), connected(bank)]);

    const answers = [await get(shop), await get(bank)];

    expect(answers.map(({ headers }) => headers.get('cache-status'))).toEqual([
      'shop; fwd=miss; stored',
      expect.stringMatching(/^bank; hit; ttl=\d\d$/),
    ]);
    expectHit(answers[1]!);
    await pollUntil(async () => (await clients('shop-cache')).length === 3, 3000);
    expect(await clients('bank-cache')).toHaveLength(1);
  });

  it.each([
    [true, 'v'],
    [false, undefined],
  ])('retryOnTimeout %p: a read on a half-open connection gives %p', async (retryOnTimeout, expected) => {
    const proxy = await startFaultProxy(redis.url);
    const one = await start({
      url: proxy.url,
      retryOnTimeout,
      // Half of it is well before a heartbeat tells.
      commandTimeoutMs: 800,
    });
    await connected(one);
    await pollUntil(() => proxy.connections() === 3, 3000);
    const service = one.app.get(RedisService);
    // When all have been ready for a while, which a busy machine may take its time for, one is in use, and stays so.
    let inUse = -1;
    await pollUntil(async () => {
      await service.set('own:k', 'v');
      const lines = (await ask(redis, ['CLIENT', 'LIST'])).split('\n');
      const ours = lines.map((line) => ({
        index: proxy.ports().indexOf(Number(/ addr=\S*:(\d+)/.exec(line)?.[1])),
        ageS: Number(/ age=(\d+)/.exec(line)?.[1]),
        isSetting: line.includes(' cmd=set '),
      }));
      const settled = ours.filter(({ index, ageS }) => index >= 0 && ageS >= 2);
      const setting = settled.filter(({ isSetting }) => isSetting);
      inUse = setting[0]?.index ?? -1;
      return settled.length === 3 && setting.length === 1;
    }, 20_000);
    proxy.silence(inUse);

    expect(await service.get('own:k')).toBe(expected);
    // From here on the silent connection is known, and nobody asks it.
    expect(await service.get('own:k')).toBe('v');
    await one.app.close();
    await proxy.close();
  });

  it('a Redis that answers late, but within the budget, is heard every time', async () => {
    const proxy = await startFaultProxy(redis.url);
    const one = await start({ url: proxy.url, commandTimeoutMs: 1000 });
    await connected(one);
    await pollUntil(() => proxy.connections() === 3, 3000);
    const service = one.app.get(RedisService);
    await service.set('own:k', 'v');
    proxy.delay(600);

    for (let n = 0; n < 4; n++) expect(await service.get('own:k')).toBe('v');
    await one.app.close();
    await proxy.close();
  });

  it('commandTimeoutMs bounds what a request waits', async () => {
    const one = await start({ commandTimeoutMs: 300, retryOnTimeout: false });
    await connected(one);
    redis.freeze();

    const { ms, cache } = await get(one);

    expect(cache).toBe('BYPASS');
    expect(ms).toBeGreaterThanOrEqual(295);
  });

  it('T9: socketTimeoutMs bounds how long a silent connection is kept', async () => {
    const one = await start({ socketTimeoutMs: 200 });
    await connected(one);
    redis.freeze();
    const since = performance.now();

    await pollUntil(() => one.events.some(({ event }) => event === 'cache.reconnecting'), 20_000);

    figure('T9', 'told 200 ms, given up after, ms', performance.now() - since, { atMost: 900 });
  });

  it('connectTimeoutMs bounds how long a server may take to greet', async () => {
    redis.freeze();
    const one = await start({ connectTimeoutMs: 200 });

    await pollUntil(() => one.events.some(({ event }) => event === 'cache.connect_failed'), 3000);

    expect(one.app.get(RedisService).status()).toBe('unavailable');
  });

  it('a password is used, and never shown', async () => {
    const { port } = redis;
    await redis.stop();
    redis = await startRedis({ port, password: 'pa%ss#w0rd' });
    const one = await start({ url: `redis://127.0.0.1:${port}/0`, password: 'pa%ss#w0rd' });
    await connected(one);
    const wrong = await start({ url: `redis://127.0.0.1:${port}/0`, password: 'other' });
    await pollUntil(() => wrong.events.some(({ event }) => event === 'cache.connect_failed'), 3000);

    expect(await get(wrong)).toMatchObject({ cache: 'BYPASS' });
    expect(one.app.get(RedisService).maskedUrl).toBe(`redis://***@127.0.0.1:${port}/0`);
    expect(JSON.stringify([one.events, wrong.events])).not.toContain('ss#w0rd');
  });

  it('a namespace keeps two applications on one Redis apart', async () => {
    const one = await start();
    const other = await startCachedApp({
      controllers: [ThingsController],
      options: { redis: { url: redis.url, commandTimeoutMs: 1000 }, namespace: 'other:' },
    });
    running.push({ ...other, events: [] });
    await Promise.all([connected(one), connected(other)]);
    await get(one);

    expectMiss(await get(other));
    await write(other);
    expectHit(await get(one));
    await get(other);
    expectHit(await get(other));
    expect(await other.app.get(CacheService).clear()).toBe(true);
    expectMiss(await get(other));
    expectHit(await get(one));
    expect(await other.app.get(RedisService).deletePattern('cache:*')).toBeGreaterThan(0);
    expectHit(await get(one));
  });
});

describe('RedisService', () => {
  it('keeps, finds, renews and deletes JSON values', async () => {
    const one = await start();
    await connected(one);
    const service = one.app.get(RedisService);

    expect(await service.set('own:a', { n: [1, null] }, { ttl: '1m' })).toBe(true);
    expect(await service.get('own:a')).toEqual({ n: [1, null] });
    expect([await service.exists('own:a'), await service.exists('own:b')]).toEqual([true, false]);
    expect([await service.expire('own:a', 90), await service.expire('own:b', 90)]).toEqual([true, false]);
    expect([await service.delete('own:a'), await service.delete('own:a')]).toEqual([true, false]);
    expect(await service.get('own:a')).toBeUndefined();
    expect(await service.ping()).toBe(true);
    await pollUntil(async () => (await clients()).length === 3, 10_000);
    expect(await service.stats()).toMatchObject({
      version: expect.stringMatching(/^\d+\./),
      connectedClients: 3,
    });
    await expect(service.set('own:a', 1, { ttl: 0 })).rejects.toMatchObject({ code: 'CACHE_INVALID_TTL' });
  });

  it('deletes by pattern, in steps, and says how many', async () => {
    const one = await start();
    await connected(one);
    const service = one.app.get(RedisService);
    await Promise.all(Array.from({ length: 1200 }, (_, n) => service.set(`own:p:${n}`, n)));
    await service.set('own:q:1', 1);

    expect(await service.deletePattern('own:p:*')).toBe(1200);
    expect(await service.exists('own:q:1')).toBe(true);
  });

  it('falls back at once when Redis is away', async () => {
    const one = await start();
    await connected(one);
    const service = one.app.get(RedisService);
    redis.freeze();

    expect(await service.get('own:a')).toBeUndefined();
    expect(await service.set('own:a', 1)).toBe(false);
    expect(await service.deletePattern('*')).toBe(0);
    expect(await service.stats()).toBeUndefined();
    expect(service.status()).toBe('unavailable');
  });

  it('says a script by its hash, and once in full to a server that does not know it', async () => {
    const one = await start();
    await connected(one);
    const service = one.app.get(RedisService);
    const count = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
    await ask(redis, ['CONFIG', 'RESETSTAT']);

    expect(await service.run(count, ['own:n'], ['2'])).toBe(2);
    expect(await service.run(count, ['own:n'], ['3'])).toBe(5);

    const said = await ask(redis, ['INFO', 'commandstats']);
    expect(said).toMatch(/cmdstat_evalsha:calls=2,/);
    expect(said).toMatch(/cmdstat_eval:calls=1,/);
  });

  it('tells who wants to know why Redis did not do it, also inside a script', async () => {
    const one = await start();
    await connected(one);
    const service = one.app.get(RedisService);
    const reasons: string[] = [];
    const options = { onFailure: (reason: string) => void reasons.push(reason) };
    await ask(redis, ['ACL', 'SETUSER', 'default', '-incrby']);
    const count = "return redis.call('INCRBY', KEYS[1], 1)";

    expect(await service.set('others:a', 1, options)).toBe(false);
    expect(await service.get('others:a', options)).toBeUndefined();
    expect(await service.delete('others:a', options)).toBe(false);
    expect(await service.run(count, ['own:n'], [], options)).toBeUndefined();
    expect(reasons.splice(0)).toEqual(['NOPERM', 'NOPERM', 'NOPERM', 'NOPERM']);

    expect(await service.set('own:a', 1, options)).toBe(true);
    expect(await service.get('own:b', options)).toBeUndefined();
    expect(reasons).toEqual([]);
    redis.freeze();
    expect(await service.get('own:a', options)).toBeUndefined();
    expect(reasons).toEqual([expect.stringMatching(/^(timeout|disconnected)$/)]);
  });

  it('tells what it set, what it skipped, and once which server it found', async () => {
    const one = await start();
    await connected(one);
    const service = one.app.get(RedisService);
    await pollUntil(() => one.events.some(({ event }) => event === 'cache.server_info'), 3000);

    await service.set('own:a', 1);
    redis.freeze();
    await pollUntil(() => service.status() === 'unavailable', 5000);
    await service.get('own:a');
    await service.delete('own:a');

    const told = one.events.filter(({ event }) => /server_info|\.set$|\.skip$/.test(event));
    expect(told).toEqual([
      {
        event: 'cache.server_info',
        version: expect.stringMatching(/^\d+\./),
        connectedClients: expect.any(Number),
        usedMemory: expect.any(String),
      },
      { event: 'cache.set', key: 'own:a' },
      { event: 'cache.skip', operation: 'GET', key: 'own:a' },
      { event: 'cache.skip', operation: 'DELETE', key: 'own:a' },
    ]);
    expect(one.events).toContainEqual({ event: 'cache.breaker', state: 'open' });
    expect(service.topology).toBe('single');
  });

  it('says when it is not configured', async () => {
    const { app } = await startCachedApp({});
    running.push({ app, url: '', events: [] });
    const service = app.get(RedisService);

    expect(service.status()).toBe('not_configured');
    expect([await service.get('own:a'), await service.set('own:a', 1), await service.ping()]).toEqual([
      undefined,
      false,
      false,
    ]);
  });
});
