import { type INestApplication, Injectable, NotFoundException } from '@nestjs/common';
import { Cached, CacheService, InvalidateCache, type CacheModuleEvent } from '../../src/cache/index.js';
import { CacheEngine } from '../../src/cache/engine/cache-engine.js';
import { methodKeyText } from '../../src/cache/engine/cache-key.js';
import { defaultPolicy } from '../../src/cache/engine/entry-policy.js';
import { Subject } from '../../src/cache/engine/subject.js';
import { VALUE_FORM } from '../../src/cache/engine/value-codec.js';
import { FakeClock } from '../../src/cache/testing/index.js';
import { settledIn, startCachedApp } from '../support/cached-app.js';
import { deferred } from '../support/deferred.js';

let runs = 0;

@Injectable()
class Prices {
  constructor(private readonly cache: CacheService) {}

  @Cached({ ttl: 60, prefix: 'price' })
  price(_item: string): Promise<number> {
    return Promise.resolve(++runs);
  }

  @InvalidateCache('price:*')
  forgetAll(): Promise<void> {
    return Promise.resolve();
  }

  /** Looks at what it is about to invalidate. */
  @InvalidateCache(() => ['item:a'])
  renewAndForget(factory: () => string): Promise<string> {
    return this.cache.getOrSet('k', { ttl: 60, tags: ['item:a'], renew: true }, factory);
  }

  @InvalidateCache(['price:{0}:*'])
  forgetItem(_item: string): Promise<void> {
    return Promise.resolve();
  }
}

describe('CacheService', () => {
  let app: INestApplication;
  let cache: CacheService;
  let prices: Prices;
  let events: CacheModuleEvent[];

  beforeEach(async () => {
    runs = 0;
    events = [];
    ({ app } = await startCachedApp({
      providers: [Prices],
      options: { onEvent: (event) => events.push(event) },
    }));
    cache = app.get(CacheService);
    prices = app.get(Prices);
  });

  afterEach(() => app.close());

  const settled = <T>(value: Promise<T> | T) => settledIn(app, value);

  it('getOrSet has its callers share a run, and keeps what it gave until a tag of it goes', async () => {
    const run = deferred<number>();
    const factory = jest.fn(() => run.promise);

    const callers = [1, 2, 3].map(() => cache.getOrSet('k', { ttl: '2m', tags: ['item:a'] }, factory));
    run.resolve(7);

    expect(await Promise.all(callers)).toEqual([7, 7, 7]);
    await cache.settle();
    await cache.getOrSet('k', { ttl: '2m', tags: ['item:a'] }, factory);
    expect(factory).toHaveBeenCalledTimes(1);
    await cache.invalidate('item:a');
    await cache.getOrSet('k', { ttl: '2m', tags: ['item:a'] }, factory);
    expect(factory).toHaveBeenCalledTimes(2);
  });

  it('getOrSet depends on a prefix, too, with what leading arguments say', async () => {
    let made = 0;
    const get = (tag: string) => settled(cache.getOrSet('k', { ttl: 60, tags: tag }, () => ++made));
    expect([await get('price:*'), await get('price:a:*'), await get('price:b:*')]).toEqual([1, 2, 3]);

    await prices.forgetItem('a');
    expect([await get('price:*'), await get('price:a:*'), await get('price:b:*')]).toEqual([4, 5, 3]);
    await prices.forgetAll();
    expect([await get('price:*'), await get('price:a:*'), await get('price:b:*')]).toEqual([6, 7, 8]);
  });

  it('getOrSet and getMany refuse options that do not exist, and getMany what is no Map', async () => {
    const misspelt = { ttl: 60, tag: ['item:a'] };

    await expect(cache.getOrSet('k', misspelt, () => 1)).rejects.toThrow(
      "getOrSet: there is no option 'tag'. There are: ttl, prefix, tags",
    );
    await expect(cache.getMany([], misspelt, () => new Map())).rejects.toThrow(
      "getMany: there is no option 'tag'",
    );
    await expect(
      cache.getMany([], { ttl: 60, renew: true } as { ttl: number }, () => new Map()),
    ).rejects.toThrow("getMany: there is no option 'renew'");
    await expect(cache.getMany(['k'], misspelt, () => new Map())).rejects.toThrow("no option 'tag'");
    for (const call of [
      cache.getOrSet(7 as never, { ttl: 60 }, () => 1),
      cache.getMany([7 as never], { ttl: 60 }, () => new Map()),
      cache.delete(7 as never),
    ]) {
      await expect(call).rejects.toThrow('the key is text, and not a number.');
    }
    for (const given of [undefined, { k: 1 }]) {
      await expect(cache.getMany(['k'], { ttl: 60 }, () => given as never)).rejects.toMatchObject({
        code: 'CACHE_INVALID_OPTIONS',
        message: 'getMany: load returned no Map.',
      });
    }
  });

  it.each<[string, () => unknown]>([
    ['a Map', () => new Map([['a', 1]])],
    ['a Set', () => new Set([1])],
    ['a Buffer', () => Buffer.from('a')],
    ['a function', () => () => 1],
    ['an object that holds one', () => ({ at: new Map() })],
  ])('getOrSet and getMany give %s to their callers and keep nothing', async (_, make) => {
    const rules = { ttl: 60, prefix: 'odd', tags: ['odd:a'] };
    const given: unknown[] = [];
    const factory = () => {
      given.push(make());
      return given.at(-1);
    };
    const load = (keys: readonly string[]) => new Map(keys.map((key) => [key, factory()]));

    for (let asked = 0; asked < 2; asked++) {
      expect(await settled(cache.getOrSet('one', rules, factory))).toBe(given.at(-1));
      const many = await settled(cache.getMany(['many'], rules, load));
      expect(many.get('many')).toBe(given.at(-1));
    }

    expect(given).toHaveLength(4);
    const told = events.filter(({ event }) => event === 'cache.no_store');
    expect(told).toEqual(
      Array(4).fill(
        expect.objectContaining({
          subject: expect.objectContaining({ prefix: 'odd' }),
          reason: 'unserialisable',
          error: expect.objectContaining({ code: 'CACHE_UNSERIALISABLE' }),
        }),
      ),
    );
  });

  it('those who wait for a value that cannot be kept have one of their own each', async () => {
    const run = deferred<undefined>();
    const factory = jest.fn(async () => {
      await run.promise;
      return new Set<number>();
    });

    const callers = [1, 2, 3].map(() => cache.getOrSet('k', { ttl: 60 }, factory));
    run.resolve(undefined);
    const sets = await Promise.all(callers);
    sets[0]?.add(1);

    expect(sets.map(({ size }) => size)).toEqual([1, 0, 0]);
  });

  it('getOrSet with renew calls factory whatever is kept, and keeps what it gives for all', async () => {
    const rules = { ttl: 60, tags: ['item:a'] };
    await settled(cache.getOrSet('k', rules, () => 'old'));

    expect(await settled(cache.getOrSet('k', { ...rules, renew: true }, () => 'new'))).toBe('new');

    const never = jest.fn(() => 'third');
    expect(await cache.getOrSet('k', { ...rules, renew: false }, never)).toBe('new');
    expect(never).not.toHaveBeenCalled();
    const looks = events.map(({ event }) => event).filter((name) => /hit|miss|stored/.test(name));
    const made = ['cache.miss', 'cache.stored'];
    expect(looks).toEqual([...made, ...made, 'cache.hit']);
  });

  it('getOrSet with renew throws what factory throws, also within grace, and leaves what is kept', async () => {
    const clock = new FakeClock();
    const other = await startCachedApp({ options: { clock, grace: 60, refreshAhead: 1 } });
    const service = other.app.get(CacheService);
    const fails = () => Promise.reject(new Error('source failed'));
    await settledIn(
      other.app,
      service.getOrSet('k', { ttl: 10 }, () => 'kept'),
    );
    clock.advance(11_000);

    await expect(service.getOrSet('k', { ttl: 10, renew: true }, fails)).rejects.toThrow('source failed');

    expect(await service.getOrSet('k', { ttl: 10 }, fails)).toBe('kept');
    await other.app.close();
  });

  it('getOrSet with renew takes what the client did wrong for no failure of factory: others go on as before', async () => {
    const clock = new FakeClock();
    const other = await startCachedApp({ options: { clock, grace: 60, refreshAhead: 1 } });
    const service = other.app.get(CacheService);
    const none = () => Promise.reject(new NotFoundException());
    await settledIn(
      other.app,
      service.getOrSet('k', { ttl: 10 }, () => 'kept'),
    );
    clock.advance(11_000);

    await expect(service.getOrSet('k', { ttl: 10, renew: true }, none)).rejects.toThrow(NotFoundException);

    expect(await service.getOrSet('k', { ttl: 10 }, () => 'new')).toBe('new');
    await other.app.close();
  });

  it('getOrSet with renew keeps nothing of what the method around it is about to invalidate', async () => {
    const value = await settled(prices.renewAndForget(() => 'not committed'));

    expect(value).toBe('not committed');
    expect(events.map(({ event }) => event)).not.toContain('cache.stored');
  });

  it('getOrSet with renew says that the cache is switched off, where it is', async () => {
    const told: CacheModuleEvent[] = [];
    const options = { enabled: false, onEvent: (event: CacheModuleEvent) => told.push(event) };
    const other = await startCachedApp({ options });

    const value = await other.app.get(CacheService).getOrSet('k', { ttl: 60, renew: true }, () => 'new');

    expect(value).toBe('new');
    expect(told).toContainEqual(expect.objectContaining({ event: 'cache.fallback', reason: 'switched-off' }));
    await other.app.close();
  });

  it('getMany loads together what is not kept, and each key is invalidated by its own tags', async () => {
    const asked: (readonly string[])[] = [];
    const load = (keys: readonly string[]) => {
      asked.push(keys);
      return new Map(keys.filter((key) => key !== 'none').map((key) => [key, `${key}${asked.length}`]));
    };
    const tags = (key: string) => [`item:${key}`];
    const get = (...keys: string[]) => settled(cache.getMany(keys, { ttl: 60, prefix: 'many', tags }, load));

    const first = await get('a', 'b', 'none', 'a');
    await cache.invalidate('item:b');
    const second = await get('a', 'b', 'c', 'none');

    expect(Object.fromEntries(first)).toEqual({ a: 'a1', b: 'b1' });
    expect(Object.fromEntries(second)).toEqual({ a: 'a1', b: 'b2', c: 'c2' });
    expect(asked.map((keys) => keys.toSorted())).toEqual([
      ['a', 'b', 'none'],
      ['b', 'c', 'none'],
    ]);
    expect((await get()).size).toBe(0);
  });

  it('delete ends what is kept under a key, with whichever tags, and nothing else', async () => {
    let made = 0;
    const get = (key: string, tags: string[] = [], prefix = 'default') =>
      settled(cache.getOrSet(key, { ttl: 60, tags, prefix }, () => ++made));
    const all = async () => [
      await get('d:1'),
      await get('d:1', ['item:a']),
      await get('d:1', [], 'shelf'),
      await get('d'),
      await get('d:1:*'),
    ];
    const before = await all();

    expect(await cache.delete('d:1')).toBe(true);
    expect(await all()).toEqual([6, 7, ...before.slice(2)]);
    await cache.delete('d:1', { prefix: 'shelf' });
    expect(await all()).toEqual([6, 7, 8, ...before.slice(3)]);
    await expect(cache.delete('d', { prefix: 'no prefix' })).rejects.toMatchObject({
      code: 'CACHE_INVALID_OPTIONS',
    });
  });

  it.each([
    ['delete', (cache: CacheService) => cache.delete('under_way')],
    ['clear', (cache: CacheService) => cache.clear()],
  ])('%s: who asks after it is not given what was being computed before', async (_, end) => {
    const gates = [deferred<string>(), deferred<string>()];
    const begun = deferred();
    const factory = jest.fn((): Promise<string> => {
      begun.resolve();
      return gates[factory.mock.calls.length - 1]!.promise;
    });
    const get = () => cache.getOrSet('under_way', { ttl: 60 }, factory);
    const before = get();
    await begun.promise;

    await end(cache);
    const after = get();
    for (const [n, gate] of gates.entries()) gate.resolve(`run ${n}`);

    expect(await Promise.all([before, after])).toEqual(['run 0', 'run 1']);
    expect(await settled(get())).toBe('run 1');
    expect(factory).toHaveBeenCalledTimes(2);
  });

  it('clear ends everything, also what methods keep', async () => {
    let made = 0;
    const get = () => settled(cache.getOrSet('c', { ttl: 60, prefix: 'shelf' }, () => ++made));
    const priced = async () => await settled(prices.price('a'));
    const before = [await get(), await priced()];
    expect([await get(), await priced()]).toEqual(before);

    expect(await cache.clear()).toBe(true);

    expect(await get()).toBe(2);
    expect(await priced()).toBe(runs);
    expect(runs).not.toBe(before[1]);
  });

  it('getMany shares runs with other callers, and tells all who waited what failed', async () => {
    const gate = deferred();
    let calls = 0;
    const load = async (keys: readonly string[]) => {
      calls++;
      await gate.promise;
      if (keys.includes('bad')) throw new Error('source failed');
      return new Map(keys.map((key) => [key, key]));
    };
    const ask = (keys: string[]) => cache.getMany(keys, { ttl: 60, prefix: 'shared_many' }, load);
    const both = [ask(['x', 'y']), ask(['y', 'x'])];
    const bad = ask(['bad', 'z']);

    gate.resolve();

    await expect(bad).rejects.toThrow('source failed');
    for (const found of await Promise.all(both)) expect([...found.keys()].sort()).toEqual(['x', 'y']);
    expect(calls).toBe(2);
  });

  it('getMany takes one place of the bulkhead for all its keys while Redis is away', async () => {
    const redis = { url: 'redis://127.0.0.1:1' };
    const other = await startCachedApp({ options: { redis, bulkhead: { concurrency: 1, maxWaiting: 1 } } });
    const cache = other.app.get(CacheService);
    const keys = (of: string) => Array.from({ length: 150 }, (_, n) => `${of}${n}`);
    const load = jest.fn((asked: readonly string[]) => new Map(asked.map((key) => [key, key])));

    const found = await Promise.all(['a', 'b'].map((of) => cache.getMany(keys(of), { ttl: 60 }, load)));

    expect(found.map(({ size }) => size)).toEqual([150, 150]);
    expect(load.mock.calls.map(([asked]) => asked.length).toSorted()).toEqual([100, 100, 50, 50]);
    await other.app.close();
  });

  it('a value that getMany found nothing for is looked for by whoever waited for it', async () => {
    const gate = deferred();
    const load = async () => {
      await gate.promise;
      return new Map<string, string>();
    };
    const many = [1, 2].map(() => cache.getMany(['gone'], { ttl: 60, prefix: 'left_out' }, load));
    const own = jest.fn(() => 'own');
    const one = cache.getOrSet('gone', { ttl: 60, prefix: 'left_out' }, own);

    gate.resolve();

    expect((await Promise.all(many)).map(({ size }) => size)).toEqual([0, 0]);
    expect(await one).toBe('own');
    expect(await cache.getOrSet('gone', { ttl: 60, prefix: 'left_out' }, own)).toBe('own');
    expect(own).toHaveBeenCalledTimes(1);
  });

  it('getOrSet keeps as the module says, or as it is told', async () => {
    const clock = new FakeClock();
    const other = await startCachedApp({ options: { clock, grace: 60, refreshAhead: 1 } });
    const cache = other.app.get(CacheService);
    const fails = () => Promise.reject<string>(new Error('source failed'));
    await settledIn(
      other.app,
      cache.getOrSet('a', { ttl: 1 }, () => 'kept'),
    );
    await settledIn(
      other.app,
      cache.getOrSet('b', { ttl: 1, grace: 0 }, () => 'kept'),
    );
    clock.advance(2000);

    expect(await cache.getOrSet('a', { ttl: 1 }, fails)).toBe('kept');
    await expect(cache.getOrSet('b', { ttl: 1, grace: 0 }, fails)).rejects.toThrow('source failed');
    await expect(cache.getOrSet('c', { ttl: 1, refreshAhead: 2 }, () => 'c')).rejects.toThrow(
      'getOrSet(default): refreshAhead is a part of the TTL',
    );
    await other.app.close();
  });

  it('getOrSet and getMany give no value of a form that was named otherwise', async () => {
    const get = (shape: string, value: string) =>
      settled(cache.getOrSet('k', { ttl: 60, shape }, () => value));
    const getMany = (shape: string, value: string) =>
      settled(cache.getMany(['k'], { ttl: 60, shape }, () => new Map([['k', value]])));

    expect([await get('one', 'a'), await get('one', 'b')]).toEqual(['a', 'a']);
    expect([...(await getMany('one', 'c')).values()]).toEqual(['a']);
    expect([await get('two', 'd'), await get('two', 'e')]).toEqual(['d', 'd']);
  });

  it('getOrSet and getMany keep a value for as long as a function of it says, or not at all', async () => {
    const clock = new FakeClock();
    const other = await startCachedApp({ options: { clock, jitter: 0 } });
    const cache = other.app.get(CacheService);
    let made = 0;
    const token = (expiresIn: number) =>
      settledIn(
        other.app,
        cache.getOrSet(`t${expiresIn}`, { ttl: (value) => value.expiresIn }, () => ({
          expiresIn,
          made: ++made,
        })),
      );
    const tokens = (...keys: string[]) =>
      settledIn(
        other.app,
        cache.getMany(keys, { ttl: (value: string) => value.length }, (asked) => {
          made++;
          return new Map(asked.map((key) => [key, 'x'.repeat(Number(key))]));
        }),
      );

    await token(10);
    expect(await token(10)).toEqual({ expiresIn: 10, made: 1 });
    clock.advance(10_001);
    expect(await token(10)).toEqual({ expiresIn: 10, made: 2 });
    for (const never of [0, -1, NaN]) {
      await token(never);
      expect(await token(never)).toEqual({ expiresIn: never, made });
    }
    made = 0;
    await tokens('0', '2', '5');
    expect([...(await tokens('0', '2', '5')).keys()]).toEqual(['0', '2', '5']);
    expect(made).toBe(2);
    clock.advance(3000);
    await tokens('2');
    await tokens('5');
    expect(made).toBe(3);
    const unknown = () => {
      throw new Error('nobody knows');
    };
    const broken = () =>
      settledIn(
        other.app,
        cache.getOrSet('broken', { ttl: unknown }, () => ++made),
      );
    expect([await broken(), await broken()]).toEqual([4, 5]);
    await other.app.close();
  });

  it('refuses what could only miss what it means', async () => {
    const get = (options: object) => cache.getOrSet('k', { ttl: 60, ...options }, () => 7);
    const refused = expect.objectContaining({ code: 'CACHE_INVALID_OPTIONS' });

    await expect(get({ prefix: 'user:card' })).rejects.toEqual(refused);
    await expect(cache.getMany([], { ttl: 60, prefix: 'user:card' }, () => new Map())).rejects.toEqual(
      refused,
    );
    await expect(get({ tags: ['*'] })).rejects.toEqual(refused);
    await expect(cache.getOrSet('k', undefined as never, () => 7)).rejects.toEqual(refused);
    for (const nothing of ['*', 'item*', ':*', '']) {
      await expect(cache.invalidate('item:a', nothing)).rejects.toEqual(refused);
    }
    expect(await cache.invalidate('item:*', 'item:a*', 'item:')).toBe(true);
  });

  it('getOrSet and getMany give what the client did wrong to the caller, whatever stale value there is', async () => {
    const clock = new FakeClock();
    const other = await startCachedApp({ options: { clock, grace: 60, refreshAhead: 1 } });
    const cache = other.app.get(CacheService);
    const options = { ttl: 10 };
    const missing = jest.fn(() => Promise.reject(new NotFoundException()));
    await settledIn(
      other.app,
      cache.getOrSet('one', options, () => 'old'),
    );
    await settledIn(
      other.app,
      cache.getMany(['many'], options, () => new Map([['many', 'old']])),
    );
    clock.advance(11_000);

    for (let n = 0; n < 2; n++) {
      await expect(cache.getOrSet('one', options, missing)).rejects.toThrow(NotFoundException);
      await expect(cache.getMany(['many'], options, missing)).rejects.toThrow(NotFoundException);
    }

    expect(missing).toHaveBeenCalledTimes(4);
    expect(await cache.getOrSet('one', options, () => Promise.reject(new Error('down')))).toBe('old');
    await other.app.close();
  });

  it('F21: takes what lies under a key of getOrSet and is no value for a miss, and replace it', async () => {
    const subject = new Subject({
      prefix: 'default',
      keyText: methodKeyText('default', 'getOrSet', ['k']),
      shape: `${VALUE_FORM} `,
      policy: defaultPolicy,
      tags: () => [],
    });
    const entry = { body: Buffer.from('no value'), ttlMs: 60_000, namedTags: [] };
    const foreign = () => Promise.resolve({ value: undefined, isShareable: true, entry });
    await settled(app.get(CacheEngine).getOrSet(subject, foreign, () => undefined));
    const ask = () => cache.getOrSet('k', { ttl: 60 }, () => ++runs);

    expect([await settled(ask()), await ask()]).toEqual([1, 1]);
    expect(events.map(({ event }) => event)).toContain('cache.decode_error');
    // Each look-up counts once: what was planted as a miss, what could not be read and what replaced it as hits.
    expect(cache.stats().prefixes.get('default')).toMatchObject({ errors: 1, misses: 1, hits: 2 });
  });
});
