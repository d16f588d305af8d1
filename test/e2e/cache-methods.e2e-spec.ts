import {
  Body,
  Controller,
  Delete,
  Get,
  type INestApplication,
  Injectable,
  Param,
  Post,
  Query,
  Scope,
  VersioningType,
} from '@nestjs/common';
import { IsString } from 'class-validator';
import fc from 'fast-check';
import { EMPTY, of, throwError, type Observable } from 'rxjs';
import {
  Cached,
  CacheError,
  CacheService,
  InvalidateCache,
  type CacheModuleEvent,
} from '../../src/cache/index.js';
import { CacheEngine } from '../../src/cache/engine/cache-engine.js';
import { methodKeyText } from '../../src/cache/engine/cache-key.js';
import { defaultPolicy } from '../../src/cache/engine/entry-policy.js';
import { Subject } from '../../src/cache/engine/subject.js';
import { VALUE_FORM } from '../../src/cache/engine/value-codec.js';
import { FakeClock } from '../../src/cache/testing/index.js';
import { startCachedApp } from '../support/cached-app.js';
import { deferred } from '../support/deferred.js';
import { figure } from '../support/figures.js';

let runs = 0;

/** As decorators for traces and transactions do: another function in the method's place, mostly with what was said of it. */
function Span(isCopying = true): MethodDecorator {
  return (_target, _name, descriptor: PropertyDescriptor) => {
    const original = descriptor.value as (...args: unknown[]) => unknown;
    const spanned = function (this: unknown, ...args: unknown[]): unknown {
      return original.apply(this, args);
    };
    for (const key of isCopying ? (Reflect.getMetadataKeys(original) as unknown[]) : [])
      Reflect.defineMetadata(key, Reflect.getMetadata(key, original), spanned);
    descriptor.value = spanned;
  };
}

@Injectable()
class Prices {
  @Cached({ ttl: 60, prefix: 'price', tags: ['item:{0}'] })
  async price(
    item: string,
    currency = 'EUR',
  ): Promise<{ item: string; currency: string; at: Date; run: number }> {
    return Promise.resolve({ item, currency, at: new Date(1000), run: ++runs });
  }

  @Cached({ ttl: 60, prefix: 'label', tags: ['price:{0}:*'] })
  async label(item: string): Promise<{ text: string; run: number }> {
    return Promise.resolve({ text: `${item}: 1 EUR`, run: ++runs });
  }

  @Cached<Prices['tagless']>({ ttl: 60, tags: ([item]) => [`item:${item.toLowerCase()}`] })
  tagless(item: string): Promise<string> {
    return Promise.resolve(item);
  }

  async twice(item: string): Promise<number[]> {
    return [(await this.price(item)).run, (await this.price(item)).run];
  }

  @Cached({ ttl: 60, prefix: 'falsy' })
  falsy(which: string): Promise<unknown> {
    runs++;
    return Promise.resolve({ null: null, zero: 0, empty: '', false: false, undefined: undefined }[which]);
  }

  @Cached({ ttl: 60, prefix: 'failing' })
  async failing(): Promise<never> {
    runs++;
    return Promise.reject(new Error('source failed'));
  }

  @Cached({ ttl: 60, prefix: 'unstorable' })
  unstorable(): Promise<unknown> {
    runs++;
    return Promise.resolve({ call: () => 1 });
  }

  @Cached<Prices['timed']>({ ttl: (seconds) => seconds, prefix: 'timed' })
  timed(seconds: number): Promise<number> {
    runs++;
    return Promise.resolve(seconds);
  }

  @Cached({ ttl: 60, prefix: 'streamed' })
  streamed(which: string): Observable<unknown> | Promise<unknown> {
    runs++;
    const failing = throwError(() => new Error('source failed'));
    return { last: of({ part: 1 }, { part: 2 }), nothing: EMPTY, failing }[which] ?? EMPTY;
  }

  @InvalidateCache('item:{0.item}')
  async change(_change: { item: string }, fails = false): Promise<string> {
    if (fails) return Promise.reject(new Error('failed after its write'));
    return Promise.resolve('done');
  }

  @InvalidateCache('price:*')
  forgetAll(): Promise<void> {
    return Promise.resolve();
  }

  @InvalidateCache(['price:{0}:*'])
  forgetItem(_item: string): Promise<void> {
    return Promise.resolve();
  }

  @Cached({ ttl: 60, tags: ['price:*'] })
  dearest(): Promise<number> {
    return Promise.resolve(++runs);
  }

  @Cached({ ttl: 60, prefix: 'numbered' })
  numbered(_isSold: boolean, _id: bigint): Promise<number> {
    return Promise.resolve(++runs);
  }

  @InvalidateCache('numbered:{0}:{1}:*')
  renumber(_isSold: boolean, _id: bigint): Promise<void> {
    return Promise.resolve();
  }

  @InvalidateCache<Prices['changeMany']>([
    (args, result) => (result.changed ? args[0].map((item) => `item:${item}`) : []),
  ])
  changeMany(items: string[], changed: boolean): Promise<{ changed: boolean; items: number }> {
    return Promise.resolve({ changed, items: items.length });
  }

  @InvalidateCache<Prices['changeNamed']>((args) => args)
  changeNamed(..._names: string[]): Promise<void> {
    return Promise.resolve();
  }

  @InvalidateCache<Prices['changeOddly']>(() => {
    throw new TypeError('quotes what it was given');
  })
  changeOddly(): Promise<void> {
    return Promise.resolve();
  }
}

@Injectable()
class Families {
  @Cached<Families['held']>({ ttl: 60, prefix: 'held', tags: [(args) => [args[0]]], families: ['item'] })
  held(_tag: string): Promise<number> {
    return Promise.resolve(++runs);
  }

  @InvalidateCache<Families['drop']>({ tags: (args) => [args[0]], families: ['item'] })
  drop(_tag: string): Promise<void> {
    return Promise.resolve();
  }
}

@Injectable()
class SalePrices extends Prices {
  override async price(item: string): ReturnType<Prices['price']> {
    return { ...(await super.price(item)), currency: 'SALE' };
  }
}

@Injectable({ scope: Scope.REQUEST })
class PerRequest {
  @Cached({ ttl: 60, prefix: 'per_request', scope: 'shared' })
  value(of: string): Promise<string> {
    return Promise.resolve(`${of} ${++runs}`);
  }
}

const MADE = Symbol('made by a factory');

class MadeElsewhere {
  @Cached({ ttl: 60, prefix: 'made' })
  value(): Promise<number> {
    return Promise.resolve(++runs);
  }
}

class ItemQuery {
  @IsString()
  item!: string;
}

@Controller('items')
class ItemsController {
  @Get(':item')
  @Cached({ ttl: 60, prefix: 'item_view', tags: ['item:{item}'] })
  view(@Param('item') item: string) {
    return { item, run: ++runs };
  }

  @Get(['shelves/:shelf/:item', 'titles/:title'])
  @Cached({ ttl: 60, prefix: 'item_found' })
  find() {
    return { run: ++runs };
  }

  @Delete('titles/:title')
  @InvalidateCache('item_found:{title}:*')
  forgetTitle(@Param('title') title: string) {
    return { title };
  }

  @Get()
  @Cached({ ttl: 60, prefix: 'item_search', tags: ['item:{item}'] })
  search(@Query() query: ItemQuery) {
    return { item: query.item, run: ++runs };
  }

  @Post()
  @InvalidateCache('item:{body.item}')
  write(@Body() body: { item: string }) {
    if (body.item === 'refused') throw new Error('refused');
    return { written: body.item };
  }

  @Delete(':item')
  @InvalidateCache(['item:{item}', 'item_search:*'])
  remove(@Param('item') item: string) {
    return { removed: item };
  }
}

@Controller('spanned')
class SpannedController {
  @Get(':item')
  @Span()
  @Cached({ ttl: 60, prefix: 'spanned_view', tags: ['item:{item}'] })
  view(@Param('item') item: string) {
    return { item, run: ++runs };
  }

  @Post()
  @Span()
  @InvalidateCache('item:{body.item}')
  write(@Body() body: { item: string }) {
    return { written: body.item };
  }

  @Get('hidden/mine')
  @Span(false)
  @Cached({ ttl: 60, prefix: 'hidden_mine', scope: 'user' })
  viewHidden() {
    return { run: ++runs };
  }

  @Post('hidden')
  @Span(false)
  @InvalidateCache('item:{body.item}')
  writeHidden(@Body() body: { item: string }) {
    return { written: body.item };
  }
}

@Controller('per-request')
class PerRequestController {
  constructor(private readonly perRequest: PerRequest) {}

  @Get(':item')
  async value(@Param('item') item: string) {
    return { value: await this.perRequest.value(item) };
  }
}

describe('decorated methods of providers', () => {
  let app: INestApplication;
  let prices: Prices;
  let url: string;
  let events: CacheModuleEvent[];

  beforeEach(async () => {
    runs = 0;
    events = [];
    ({ app, url } = await startCachedApp({
      controllers: [ItemsController, SpannedController, PerRequestController],
      providers: [
        Prices,
        Families,
        SalePrices,
        PerRequest,
        { provide: MADE, useFactory: () => new MadeElsewhere() },
      ],
      options: { onEvent: (event) => events.push(event) },
    }));
    prices = app.get(Prices);
  });

  afterEach(() => app.close());

  async function settled<T>(value: Promise<T> | T): Promise<T> {
    const awaited = await value;
    await app.get(CacheService).settle();
    return awaited;
  }

  it('are kept by their arguments, and called through this as well', async () => {
    await settled(prices.price('a'));

    expect(await prices.price('a')).toEqual({ item: 'a', currency: 'EUR', at: new Date(1000), run: 1 });
    expect((await prices.price('b')).run).toBe(2);
    expect(await prices.twice('a')).toEqual([1, 1]);
  });

  it('give every caller a copy', async () => {
    const first = await settled(prices.price('a'));
    first.item = 'spoiled';

    const second = await prices.price('a');

    expect(second.item).toBe('a');
    expect(second.at).toBeInstanceOf(Date);
  });

  it.each(['null', 'zero', 'empty', 'false', 'undefined'])(
    'keep a falsy value like any other: %s',
    async (which) => {
      const first = await settled(prices.falsy(which));

      expect(await prices.falsy(which)).toBe(first);
      expect(runs).toBe(1);
    },
  );

  it('F57: never keep what they throw', async () => {
    await expect(prices.failing()).rejects.toThrow('source failed');
    await expect(prices.failing()).rejects.toThrow('source failed');

    figure('F57', 'failures that were kept, of 2', 2 - runs, { atMost: 0 });
    expect(runs).toBe(2);
  });

  it('F57: give an unstorable value to their caller and keep nothing', async () => {
    await settled(prices.unstorable());
    await settled(prices.unstorable());

    figure('F57', 'unstorable values that were kept, of 2', 2 - runs, { atMost: 0 });
    expect(runs).toBe(2);
    expect(events).toContainEqual(
      expect.objectContaining({
        event: 'cache.no_store',
        reason: 'unserialisable',
        error: expect.objectContaining({ message: expect.stringContaining('cannot be stored') }),
      }),
    );
  });

  it('tell listeners what a function of theirs threw, and of a call that has no key', async () => {
    await prices.tagless(undefined as never);
    await prices.tagless(/no key/ as never);

    expect(events).toContainEqual(
      expect.objectContaining({
        event: 'cache.no_store',
        reason: 'rule-failed',
        error: expect.any(TypeError),
      }),
    );
    expect(events).toContainEqual(
      expect.objectContaining({
        event: 'cache.key_failed',
        method: 'Prices.tagless',
        reason: 'CACHE_UNSERIALISABLE',
        error: expect.any(CacheError),
      }),
    );
    expect(events).toContainEqual({
      event: 'cache.bypass',
      prefix: 'tagless',
      method: 'Prices.tagless',
      reason: 'no-key',
    });
  });

  it('work in subclasses that override and call super', async () => {
    const sale = app.get(SalePrices);
    await settled(sale.price('a'));

    expect(await sale.price('a')).toMatchObject({ currency: 'SALE', run: 1 });
  });

  it('keep values of their own in each subclass of one class', async () => {
    abstract class Repository {
      abstract readonly table: string;

      @Cached({ ttl: 60, prefix: 'found' })
      find(id: string): Promise<string> {
        return Promise.resolve(`${this.table} ${id}`);
      }
    }
    class People extends Repository {
      readonly table = 'people';
    }
    class Courses extends Repository {
      readonly table = 'courses';
    }
    const other = await startCachedApp({ providers: [People, Courses] });
    await other.app.get(People).find('1');
    await other.app.get(CacheService).settle();

    expect(await other.app.get(Courses).find('1')).toBe('courses 1');
    await other.app.close();
  });

  it('keep answers of their own in each controller that inherits a route, where the path does not tell them apart', async () => {
    abstract class View {
      abstract readonly version: string;

      @Get()
      @Cached({ ttl: 60, prefix: 'versioned' })
      view() {
        return { version: this.version };
      }
    }
    @Controller({ path: 'view', version: '1' })
    class ViewV1 extends View {
      readonly version = 'one';
    }
    @Controller({ path: 'view', version: '2' })
    class ViewV2 extends View {
      readonly version = 'two';
    }
    const other = await startCachedApp({
      controllers: [ViewV1, ViewV2],
      configure: (made) => made.enableVersioning({ type: VersioningType.HEADER, header: 'version' }),
    });
    const view = async (version: string) =>
      (await fetch(`${other.url}/view`, { headers: { version } })).json();
    await view('1');
    await other.app.get(CacheService).settle();

    expect([await view('1'), await view('2')]).toEqual([{ version: 'one' }, { version: 'two' }]);
    await other.app.close();
  });

  it('work in request scope and on what a factory made', async () => {
    const get = async () => (await fetch(`${url}/per-request/x`)).json();
    const first = await settled(get());
    const made = app.get<MadeElsewhere>(MADE);
    await settled(made.value());

    expect(await get()).toEqual(first);
    expect(await made.value()).toBe(await made.value());
  });

  it('run plain on an object made outside of the application', async () => {
    const plain = new Prices();

    expect((await plain.price('a')).run).toBe(1);
    expect((await plain.price('a')).run).toBe(2);
  });

  it('belong to one application each, also with the same class in two', async () => {
    const other = await startCachedApp({ providers: [Prices] });
    await settled(prices.price('a'));

    expect((await other.app.get(Prices).price('a')).run).toBe(2);
    await other.app.close();
    expect((await prices.price('a')).run).toBe(1);
  });

  describe('that invalidate', () => {
    it('drop what they name and leave the rest', async () => {
      await settled(Promise.all([prices.price('a'), prices.price('b')]));

      await prices.change({ item: 'a' });

      expect((await settled(prices.price('a'))).run).toBe(3);
      expect((await prices.price('b')).run).toBe(2);
    });

    it('drop what they name also when they failed, for nobody can tell whether they had written', async () => {
      await settled(prices.price('a'));

      await expect(prices.change({ item: 'a' }, true)).rejects.toThrow('failed after its write');

      expect((await prices.price('a')).run).toBe(2);
    });

    it('drop a prefix, or a prefix with a leading argument', async () => {
      await settled(Promise.all([prices.price('a'), prices.price('b'), prices.falsy('zero')]));

      await prices.forgetItem('a');
      expect([(await settled(prices.price('a'))).run, (await prices.price('b')).run]).toEqual([4, 2]);
      await prices.forgetAll();
      expect((await settled(prices.price('b'))).run).toBe(5);
      await prices.falsy('zero');
      expect(runs).toBe(5);
    });

    it('drop what depends on a prefix with a leading argument, and with it on the whole prefix', async () => {
      await settled(Promise.all([prices.label('a'), prices.label('b')]));

      await prices.forgetItem('a');
      expect([(await settled(prices.label('a'))).run, (await prices.label('b')).run]).toEqual([3, 2]);
      await prices.forgetAll();
      expect((await settled(prices.label('b'))).run).toBe(4);
    });

    it('drop what depends on all of a prefix with each part of it', async () => {
      await settled(prices.dearest());
      await settled(prices.price('b'));

      await prices.forgetItem('a');
      expect([await settled(prices.dearest()), (await prices.price('b')).run]).toEqual([3, 2]);
      await prices.forgetAll();
      expect(await prices.dearest()).toBe(4);
    });

    it('drop a prefix with leading arguments of any kind that a tag can name', async () => {
      await settled(prices.numbered(true, 7n));
      await settled(prices.numbered(true, 8n));

      await prices.renumber(true, 7n);

      expect([await prices.numbered(true, 7n), await prices.numbered(true, 8n)]).toEqual([3, 2]);
    });

    it('A9: treat a star in an id as a character', async () => {
      await settled(Promise.all([prices.price('a'), prices.price('*')]));

      await prices.change({ item: '*' });
      await prices.forgetItem('*');

      expect((await prices.price('a')).run).toBe(1);
    });

    it('A9: drop what they name and nothing else, whatever characters an id has', async () => {
      const character = fc.constantFrom(...Array.from('ab*?[]^-\\:{}/|. \n\0é'));
      const id = fc.string({ unit: character, minLength: 1, maxLength: 5 });
      await fc.assert(
        fc.asyncProperty(id, id, async (one, other) => {
          fc.pre(one !== other);
          await settled(Promise.all([prices.price(one), prices.price(other)]));
          const kept = (await prices.price(other)).run;

          for (const drop of [() => prices.change({ item: one }), () => prices.forgetItem(one)]) {
            const before = (await settled(prices.price(one))).run;
            await drop();
            expect([
              (await settled(prices.price(one))).run === before,
              (await prices.price(other)).run,
            ]).toEqual([false, kept]);
          }
        }),
        { numRuns: 100 },
      );
    });

    it('ask their result when a function names the tags', async () => {
      await settled(Promise.all([prices.price('a'), prices.price('b')]));

      await prices.changeMany(['a', 'b'], false);
      expect((await prices.price('a')).run).toBe(1);
      await prices.changeMany(['a', 'b'], true);
      expect((await settled(prices.price('a'))).run).toBe(3);
      expect((await prices.price('b')).run).toBe(4);
    });

    it('drop a prefix that a function names, and of it what leading arguments say', async () => {
      await settled(Promise.all([prices.price('a'), prices.price('b')]));

      await prices.changeNamed('price:a:*');
      expect([(await settled(prices.price('a'))).run, (await prices.price('b')).run]).toEqual([3, 2]);
      await prices.changeNamed('label:*', 'item:c');
      expect([(await prices.price('a')).run, (await prices.price('b')).run]).toEqual([3, 2]);
      await prices.changeNamed('price:*');
      expect((await prices.price('b')).run).toBe(4);
    });

    it.each(['', ':a', '*', undefined])(
      'drop everything when a function names %j, and tell of it',
      async (name) => {
        await settled(prices.price('a'));

        await prices.changeNamed(name!);

        expect((await prices.price('a')).run).toBe(2);
        expect(events).toContainEqual(
          expect.objectContaining({ event: 'cache.rule_failed', method: 'Prices.changeNamed' }),
        );
      },
    );

    it('drop everything when a function of theirs threw, and tell of it', async () => {
      await settled(prices.price('a'));

      await prices.changeOddly();

      expect((await prices.price('a')).run).toBe(2);
      expect(events).toContainEqual({
        event: 'cache.rule_failed',
        method: 'Prices.changeOddly',
        reason: 'TypeError',
        error: expect.any(TypeError),
      });
    });
  });

  it('keep to the families that they declared, or lose more than they named', async () => {
    const families = app.get(Families);
    await settled(Promise.all([families.held('item:a'), families.held('other:a')]));

    await families.drop('item:b');
    expect([await families.held('item:a'), await settled(families.held('other:a'))]).toEqual([1, 3]);
    await families.drop('other:a');
    expect(await families.held('item:a')).toBe(4);
  });

  it('invalidate from routes by parameters and body fields, before the answer leaves', async () => {
    const get = async (path: string) => (await settled(fetch(url + path))).json() as Promise<{ run: number }>;
    const post = (item: string) =>
      fetch(`${url}/items`, {
        method: 'POST',
        body: JSON.stringify({ item }),
        headers: { 'content-type': 'application/json' },
      });
    await get('/items/a');
    await get('/items?item=b');

    await post('a');
    expect((await get('/items/a')).run).toBe(3);
    expect((await get('/items?item=b')).run).toBe(2);
    await fetch(`${url}/items/a`, { method: 'DELETE' });
    expect((await get('/items?item=b')).run).toBe(4);
    await post('refused');
    expect((await get('/items?item=b')).run).toBe(4);
  });

  it.each([
    [60, 1, undefined],
    [0, 2, 'no-ttl'],
    [0.0001, 2, 'no-ttl'],
    [-5, 2, 'no-ttl'],
    [NaN, 2, 'rule-failed'],
    [Infinity, 2, 'rule-failed'],
  ])('keep a value for as long as a function says: %s s', async (seconds, expectedRuns, reason) => {
    const given = [await settled(prices.timed(seconds)), await settled(prices.timed(seconds))];

    expect([...given, runs]).toEqual([seconds, seconds, expectedRuns]);
    const reasons = events.map((event) => event.event === 'cache.no_store' && event.reason);
    expect(reasons.find(Boolean)).toBe(reason);
  });

  it('keep the last value of an Observable, and give it as a promise', async () => {
    const ask = async (which: string) => settled(prices.streamed(which) as Promise<unknown>);

    expect([await ask('last'), await ask('last'), runs]).toEqual([{ part: 2 }, { part: 2 }, 1]);
    expect([await ask('nothing'), await ask('nothing'), runs]).toEqual([undefined, undefined, 2]);
    await expect(ask('failing')).rejects.toThrow('source failed');
    await expect(ask('failing')).rejects.toThrow('source failed');
    expect(runs).toBe(4);
  });

  it('invalidate by the leading parameters of the path that was asked for, of several', async () => {
    const found = async (path: string) => (await settled(fetch(`${url}/items/${path}`))).json();
    await found('titles/a');
    await found('shelves/a/b');

    await fetch(`${url}/items/titles/a`, { method: 'DELETE' });

    expect(await found('titles/a')).toEqual({ run: 3 });
    await fetch(`${url}/items/titles/b`, { method: 'DELETE' });
    expect(await found('titles/a')).toEqual({ run: 3 });
  });

  it.each(['/spanned', '/spanned/hidden'])(
    'are routes also with another decorator around them: %s',
    async (path) => {
      const view = async () => {
        const response = await settled(fetch(`${url}/spanned/a`));
        return [response.headers.get('x-cache'), await response.json()];
      };
      await view();
      expect(await view()).toEqual(['HIT', { item: 'a', run: 1 }]);

      const body = JSON.stringify({ item: 'a' });
      await fetch(`${url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });

      expect(await view()).toEqual(['MISS', { item: 'a', run: 2 }]);
    },
  );

  it("are not kept for whoever asks when they were to be one caller's and no route was found", async () => {
    const view = async () => (await settled(fetch(`${url}/spanned/hidden/mine`))).json();

    expect([await view(), await view()]).toEqual([{ run: 1 }, { run: 2 }]);
  });

  it('are joined by getOrSet for code that is no method', async () => {
    const cache = app.get(CacheService);
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
    const cache = app.get(CacheService);
    let made = 0;
    const get = (tag: string) => settled(cache.getOrSet('k', { ttl: 60, tags: [tag] }, () => ++made));
    expect([await get('price:*'), await get('price:a:*'), await get('price:b:*')]).toEqual([1, 2, 3]);

    await prices.forgetItem('a');
    expect([await get('price:*'), await get('price:a:*'), await get('price:b:*')]).toEqual([4, 5, 3]);
    await prices.forgetAll();
    expect([await get('price:*'), await get('price:a:*'), await get('price:b:*')]).toEqual([6, 7, 8]);
  });

  it('keep what depends on a prefix that a function names, until a part of it goes', async () => {
    const families = app.get(Families);
    const held = () => settled(families.held('item:*'));

    expect([await held(), await held()]).toEqual([1, 1]);
    await families.drop('item:a:*');
    expect([await held(), await held()]).toEqual([2, 2]);
    await families.drop('item:*');
    expect(await held()).toBe(3);
  });

  it('getOrSet and getMany refuse options that do not exist, and getMany what is no Map', async () => {
    const cache = app.get(CacheService);
    const misspelt = { ttl: 60, tag: ['item:a'] };

    await expect(cache.getOrSet('k', misspelt, () => 1)).rejects.toThrow(
      "getOrSet: there is no option 'tag'. There are: ttl, prefix, tags",
    );
    await expect(cache.getMany([], misspelt, () => new Map())).rejects.toThrow(
      "getMany: there is no option 'tag'",
    );
    await expect(cache.getMany(['k'], misspelt, () => new Map())).rejects.toThrow("no option 'tag'");
    await expect(cache.getOrSet('k', { ttl: 60, prefix: 'odd' }, () => new Set([1]))).rejects.toMatchObject({
      code: 'CACHE_UNSERIALISABLE',
      message: 'getOrSet(odd): a Set cannot be stored.',
    });
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

  it('getMany loads together what is not kept, and each key is invalidated by its own tags', async () => {
    const cache = app.get(CacheService);
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
    const cache = app.get(CacheService);
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
    const cache = app.get(CacheService);
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
    const cache = app.get(CacheService);
    let made = 0;
    const get = () => settled(cache.getOrSet('c', { ttl: 60, prefix: 'shelf' }, () => ++made));
    const priced = async () => (await settled(prices.price('a'))).run;
    const before = [await get(), await priced()];
    expect([await get(), await priced()]).toEqual(before);

    expect(await cache.clear()).toBe(true);

    expect(await get()).toBe(2);
    expect(await priced()).toBe(runs);
    expect(runs).not.toBe(before[1]);
  });

  it('getMany shares runs with other callers, and tells all who waited what failed', async () => {
    const cache = app.get(CacheService);
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
    const cache = app.get(CacheService);
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
    await settled(cache.getOrSet('a', { ttl: 1 }, () => 'kept'));
    await settled(cache.getOrSet('b', { ttl: 1, grace: 0 }, () => 'kept'));
    clock.advance(2000);

    expect(await cache.getOrSet('a', { ttl: 1 }, fails)).toBe('kept');
    await expect(cache.getOrSet('b', { ttl: 1, grace: 0 }, fails)).rejects.toThrow('source failed');
    await expect(cache.getOrSet('c', { ttl: 1, refreshAhead: 2 }, () => 'c')).rejects.toThrow(
      'getOrSet(default): refreshAhead is a part of the TTL',
    );
    await other.app.close();
  });

  it('getOrSet and getMany give no value of a form that was named otherwise', async () => {
    const cache = app.get(CacheService);
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
      settled(
        cache.getOrSet(`t${expiresIn}`, { ttl: (value) => value.expiresIn }, () => ({
          expiresIn,
          made: ++made,
        })),
      );
    const tokens = (...keys: string[]) =>
      settled(
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
    const broken = () => settled(cache.getOrSet('broken', { ttl: unknown }, () => ++made));
    expect([await broken(), await broken()]).toEqual([4, 5]);
    await other.app.close();
  });

  it('refuse, for code that is no method, what could only miss what it means', async () => {
    const cache = app.get(CacheService);
    const get = (options: object) => cache.getOrSet('k', { ttl: 60, ...options }, () => 7);
    const refused = expect.objectContaining({ code: 'CACHE_INVALID_OPTIONS' });

    await expect(get({ prefix: 'user:card' })).rejects.toEqual(refused);
    await expect(cache.getMany([], { ttl: 60, prefix: 'user:card' }, () => new Map())).rejects.toEqual(
      refused,
    );
    await expect(get({ tags: ['*'] })).rejects.toEqual(refused);
    for (const nothing of ['*', 'item*', ':*', '']) {
      await expect(cache.invalidate('item:a', nothing)).rejects.toEqual(refused);
    }
    expect(await cache.invalidate('item:*', 'item:a*', 'item:')).toBe(true);
  });

  it('F21: take what lies under a key of getOrSet and is no value for a miss, and replace it', async () => {
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
    const ask = () => app.get(CacheService).getOrSet('k', { ttl: 60 }, () => ++runs);

    expect([await settled(ask()), await ask()]).toEqual([1, 1]);
    expect(events.map(({ event }) => event)).toContain('cache.decode_error');
    expect(app.get(CacheService).stats().prefixes.get('default')).toMatchObject({ errors: 1, misses: 2 });
  });

  it('are counted by prefix', async () => {
    await settled(prices.price('a'));
    await prices.price('a');

    const { store, prefixes } = app.get(CacheService).stats();

    expect(store).toBe('memory');
    expect(prefixes.get('price')).toMatchObject({
      hits: 1,
      misses: 1,
      stores: 1,
      loadMs: { count: 1 },
      errors: 0,
    });
    expect(prefixes.get('item_view')).toMatchObject({ hits: 0, misses: 0 });
  });
});
