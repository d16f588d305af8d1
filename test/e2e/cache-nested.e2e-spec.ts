import { Controller, Get, type INestApplication, Injectable, NotFoundException } from '@nestjs/common';
import { Cached, type CacheModuleOptions, CacheService, InvalidateCache } from '../../src/cache/index.js';
import { expectMiss, FakeClock } from '../../src/cache/testing/index.js';
import { startCachedApp } from '../support/cached-app.js';
import { deferred, turn, type Deferred } from '../support/deferred.js';

const started: INestApplication[] = [];

async function start(options: Parameters<typeof startCachedApp>[0]) {
  const one = await startCachedApp(options);
  started.push(one.app);
  return one;
}

afterEach(async () => {
  for (const app of started.splice(0)) await app.close();
});

describe('a cached method that calls another', () => {
  let source: string | Error = 'old';

  class Inner {
    @Cached({ ttl: 1, prefix: 'inner', grace: '10m', refreshAhead: 1 })
    value(): Promise<string> {
      return source instanceof Error ? Promise.reject(source) : Promise.resolve(source);
    }
  }

  @Controller()
  class OuterController {
    constructor(private readonly inner: Inner) {}

    @Get()
    @Cached({ ttl: 60, prefix: 'outer' })
    async view() {
      return { value: await this.inner.value() };
    }
  }
  // Without the transformer's metadata in this scope.
  Injectable()(Inner);

  it('does not keep as new what is beyond its time', async () => {
    const clock = new FakeClock();
    const { app, url } = await start({
      controllers: [OuterController],
      providers: [Inner],
      options: { clock },
    });
    source = 'old';
    await app.get(Inner).value();
    await app.get(CacheService).settle();
    clock.advance(2000);
    source = new Error('away');

    for (let n = 0; n < 2; n++) {
      const answer = await fetch(url);
      await app.get(CacheService).settle();
      expect(await answer.json()).toEqual({ value: 'old' });
      expect(answer.headers.get('cache-status')).toContain('fwd=miss; detail=stale-inside');
    }
    source = 'new';
    clock.advance(10_000);

    expect(await (await fetch(url)).json()).toEqual({ value: 'new' });
  });
});

describe('who waits for what is made of something beyond its time', () => {
  let source: string | Error;
  let gate: Deferred<void> | undefined;

  class Inner {
    @Cached({ ttl: 1, prefix: 'inner', grace: '10m', refreshAhead: 1 })
    async value(): Promise<string> {
      await gate?.promise;
      if (source instanceof Error) throw source;
      return source;
    }
  }
  let inner: Inner;
  class Middle {
    @Cached({ ttl: 60, prefix: 'middle' })
    value(): Promise<string> {
      return inner.value();
    }
  }
  let middle: Middle;
  class Outer {
    @Cached({ ttl: 60, prefix: 'outer' })
    value(_by: string): Promise<string> {
      return middle.value();
    }
  }

  it('keeps nothing of it either, nor does what loads many at once', async () => {
    const clock = new FakeClock();
    const { app } = await start({ providers: [Inner, Middle, Outer], options: { clock } });
    [inner, middle] = [app.get(Inner), app.get(Middle)];
    const [outer, cache] = [app.get(Outer), app.get(CacheService)];
    source = 'old';
    await inner.value();
    await cache.settle();
    clock.advance(2000);
    source = new Error('away');
    gate = deferred();
    const load = async (keys: readonly string[]) => {
      const value = await inner.value();
      return new Map(keys.map((key) => [key, value]));
    };
    const many = () => cache.getMany(['1', '2'], { ttl: 60 }, load);

    const first = Promise.all([outer.value('one'), outer.value('other'), many()]);
    await turn();
    await turn();
    gate.resolve();
    gate = undefined;
    const old = new Map([
      ['1', 'old'],
      ['2', 'old'],
    ]);
    expect(await first).toEqual(['old', 'old', old]);
    await cache.settle();
    source = 'new';
    clock.advance(10_000);

    expect(await Promise.all([outer.value('one'), outer.value('other')])).toEqual(['new', 'new']);
    expect([...(await many()).values()]).toEqual(['new', 'new']);
  });
});

describe('a cached method that calls itself', () => {
  @Injectable()
  class Rows {
    readonly made = new Map<string, string>();
    runs = 0;

    @Cached({ ttl: 60, prefix: 'row' })
    async row(id: string): Promise<string> {
      this.runs++;
      const row = this.made.get(id);
      if (row) return row;
      this.made.set(id, `row ${id}`);
      await Promise.resolve();
      return this.other(id);
    }

    @Cached({ ttl: 60, prefix: 'other' })
    other(id: string): Promise<string> {
      return this.row(id);
    }
  }

  it('does not wait for itself, also by way of another', async () => {
    const { app } = await start({ providers: [Rows], options: { clock: new FakeClock() } });
    const rows = app.get(Rows);

    expect(await rows.row('1')).toBe('row 1');
    await app.get(CacheService).settle();
    expect(await rows.row('1')).toBe('row 1');
    expect(rows.runs).toBe(2);
  });
});

describe('a load of many keys that asks for some of them', () => {
  it.each(['getOrSet', 'getMany'] as const)('does not wait for itself: by %s', async (verb) => {
    const { app } = await start({ providers: [], options: { clock: new FakeClock() } });
    const cache = app.get(CacheService);
    const options = { ttl: 60, prefix: 'node' };
    const parents = new Map([
      ['leaf', 'twig'],
      ['twig', 'root'],
    ]);
    const path = async (key: string): Promise<string> => {
      const parent = parents.get(key);
      if (parent === undefined) return key;
      const above =
        verb === 'getOrSet'
          ? await cache.getOrSet(parent, options, () => path(parent))
          : (await cache.getMany([parent], options, load)).get(parent);
      return `${above}/${key}`;
    };
    const load = async (keys: readonly string[]) =>
      new Map(await Promise.all(keys.map(async (key) => [key, await path(key)] as const)));

    // In turn: whichever is the first must not be waited for by the others either.
    for (const keys of [
      ['leaf', 'twig', 'root'],
      ['twig', 'root', 'leaf'],
    ]) {
      await cache.invalidate('node:*');
      const found = await cache.getMany(keys, options, load);
      expect([...found.values()].sort()).toEqual(['root', 'root/twig', 'root/twig/leaf']);
    }
  });
});

describe('a cached method that an override calls by super', () => {
  abstract class Base {
    @Cached({ ttl: 60 })
    find(id: string): Promise<object> {
      return Promise.resolve({ id, secret: true });
    }
  }
  class Shown extends Base {
    @Cached({ ttl: 60 })
    override async find(id: string): Promise<object> {
      return { ...(await super.find(id)), secret: 'hidden' };
    }

    whole(id: string): Promise<object> {
      return super.find(id);
    }
  }

  it('has values of its own, also under the same prefix', async () => {
    const { app } = await start({ providers: [Shown], options: { clock: new FakeClock() } });
    const shown = app.get(Shown);

    for (let n = 0; n < 2; n++) {
      expect(await shown.whole('1')).toEqual({ id: '1', secret: true });
      expect(await shown.find('1')).toEqual({ id: '1', secret: 'hidden' });
      await app.get(CacheService).settle();
    }
  });

  it('meets the cache although the override does not, and a factory made it', async () => {
    let title = 'old';
    class Titles {
      @Cached({ ttl: 60, prefix: 'title', tags: ['book:{0}'] })
      title(_id: string): Promise<string> {
        return Promise.resolve(title);
      }
    }
    class Writer {
      @InvalidateCache('book:{0}')
      rename(_id: string, to: string): Promise<void> {
        title = to;
        return Promise.resolve();
      }
    }
    class LoggedWriter extends Writer {
      override async rename(id: string, to: string): Promise<void> {
        await super.rename(id, to);
      }
    }
    const made = { provide: Writer, useFactory: () => new LoggedWriter() };
    const { app } = await start({ providers: [Titles, made] });
    const titles = app.get(Titles);
    expect(await titles.title('1')).toBe('old');
    await app.get(CacheService).settle();

    await app.get(Writer).rename('1', 'new');

    expect(await titles.title('1')).toBe('new');
  });
});

it('a method that is overridden by another one need name nothing that is cached', async () => {
  class Base {
    @InvalidateCache('forgotten:{0}')
    change(_id: string): Promise<void> {
      return Promise.resolve();
    }
  }
  class Changed extends Base {
    @Cached({ ttl: 60, prefix: 'kept', tags: ['kept:{0}'] })
    kept(id: string): Promise<string> {
      return Promise.resolve(id);
    }

    @InvalidateCache('kept:{0}')
    override change(_id: string): Promise<void> {
      return Promise.resolve();
    }
  }

  await expect(start({ providers: [Changed] })).resolves.toBeDefined();
});

describe('a cached method whose result names what no template does', () => {
  it.each<[string, () => string[]]>([
    ['a prefix', () => ['price:*']],
    ['a family that nobody has named', () => ['unheard:of']],
  ])('has one run for all who ask at the same time: %s', async (_, tags) => {
    let runs = 0;
    const mayEnd = deferred();
    class Baskets {
      @Cached({ ttl: 60, prefix: 'basket', tags })
      async basket(id: string): Promise<string> {
        runs++;
        await mayEnd.promise;
        return id;
      }
    }
    const { app } = await start({ providers: [Baskets] });

    const answers = Array.from({ length: 200 }, () => app.get(Baskets).basket('1'));
    await turn();
    mayEnd.resolve();

    expect(await Promise.all(answers)).toEqual(Array(200).fill('1'));
    expect(runs).toBe(1);
  });
});

describe('a cached method that is run for all while somebody writes', () => {
  let things = ['a'];
  let gate: Deferred<void>;

  class Things {
    @Cached({ ttl: 60, prefix: 'things', tags: ['things'] })
    list(): Promise<string[]> {
      return Promise.resolve(things);
    }

    @InvalidateCache('things')
    create(name: string): Promise<void> {
      things = [...things, name];
      return Promise.resolve();
    }

    @Cached({ ttl: 60, prefix: 'profile', tags: ['profile:{0}'] })
    async profile(name: string): Promise<string> {
      await gate.promise;
      await this.create(name);
      return name;
    }

    @InvalidateCache('profile:{0}')
    async importAll(_id: string, rest: Promise<void>): Promise<void> {
      await this.profile('b');
      await rest;
    }
  }

  it('invalidates when it has ended, and not with the work of whoever was the first to ask', async () => {
    gate = deferred();
    const { app } = await start({ providers: [Things] });
    const service = app.get(Things);
    await service.list();
    await app.get(CacheService).settle();
    const rest = deferred();
    const importing = service.importAll('1', rest.promise);
    const profile = service.profile('b');
    await turn();
    gate.resolve();
    await profile;

    expect(await service.list()).toEqual(['a', 'b']);
    rest.resolve();
    await importing;
  });
});

describe('two applications in one process', () => {
  const titles = new Map([['1', 'old']]);

  class Books {
    @Cached({ ttl: 60, prefix: 'title', tags: ['book:{0}'] })
    title(id: string): Promise<string | undefined> {
      return Promise.resolve(titles.get(id));
    }

    @InvalidateCache('book:{0}')
    rename(id: string, title: string): Promise<void> {
      titles.set(id, title);
      return Promise.resolve();
    }
  }

  it('invalidate each its own, also where one calls the other', async () => {
    const library = await start({ providers: [Books] });
    const books = library.app.get(Books);
    class Orders {
      @Cached({ ttl: 60, prefix: 'order', tags: ['order:{0}'] })
      order(id: string): Promise<string> {
        return Promise.resolve(id);
      }

      @InvalidateCache('order:{0}')
      async place(_id: string): Promise<unknown> {
        await books.rename('1', 'new');
        await library.app.get(CacheService).invalidate('book:2');
        return books.title('1');
      }
    }
    const shop = await start({ providers: [Orders] });
    await books.title('1');
    await library.app.get(CacheService).settle();

    expect(await shop.app.get(Orders).place('7')).toBe('new');
    expect(await books.title('1')).toBe('new');
    expect(library.app.get(CacheService).stats().invalidationMs.count).toBe(2);
    expect(shop.app.get(CacheService).stats().invalidationMs.count).toBe(1);
  });
});

it('a method that asks nothing of its object is called without one', async () => {
  class Texts {
    @Cached({ ttl: 60 })
    upper(text: string): Promise<string> {
      return Promise.resolve(text.toUpperCase());
    }
  }
  const { app } = await start({ providers: [Texts] });
  const { upper } = app.get<Record<'upper', (text: string) => Promise<string>>>(Texts);

  expect(await Promise.all(['a', 'b'].map(upper))).toEqual(['A', 'B']);
});

describe('generators are refused by name', () => {
  class Written {
    @InvalidateCache('book:1')
    async *importAll(): AsyncGenerator<number> {
      yield await Promise.resolve(1);
    }
  }
  class Kept {
    @Cached(60)
    *all(): Generator<number> {
      yield 1;
    }
  }

  it.each([
    [Written, 'Written.importAll is a generator'],
    [Kept, 'Kept.all is a generator'],
  ])('%p', async (type, message) => {
    await expect(start({ providers: [type] })).rejects.toThrow(message);
  });
});

describe.each(['fastify', 'express'] as const)('on %s', (adapter) => {
  @Controller()
  class FailuresController {
    @Get('kept')
    @Cached({ ttl: 60 })
    kept() {
      return new NotFoundException('no such thing');
    }

    @Get('plain')
    plain() {
      return new NotFoundException('no such thing');
    }
  }

  it('a handler that returns a failure answers as without the cache, and nothing is kept', async () => {
    const { url } = await start({ adapter, controllers: [FailuresController] });
    const plain = await fetch(`${url}/plain`);
    const text = await plain.text();

    for (let n = 0; n < 2; n++) {
      const answer = await fetch(`${url}/kept`);
      expect([answer.status, await answer.text()]).toEqual([plain.status, text]);
      expectMiss(answer);
    }
  });
});

it('a listener that rejects, and a request that is not admitted later, end no process', async () => {
  @Controller()
  class AnyController {
    @Get()
    @Cached(60)
    any() {
      return {};
    }
  }
  const fails: unknown = () => Promise.reject(new Error('metrics are away'));
  const { url } = await start({
    controllers: [AnyController],
    options: {
      onEvent: fails as Required<CacheModuleOptions>['onEvent'],
      admission: () => Promise.reject(new NotFoundException('not today')),
    },
  });

  expect((await fetch(url)).status).toBe(404);
});
