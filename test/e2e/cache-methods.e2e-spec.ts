import {
  Body,
  ClassSerializerInterceptor,
  Controller,
  Get,
  type INestApplication,
  Injectable,
  Module,
  Param,
  Post,
  Scope,
  SerializeOptions,
  UseInterceptors,
  VersioningType,
} from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { Exclude } from 'class-transformer';
import { EMPTY, of, throwError, type Observable } from 'rxjs';
import {
  Cached,
  CacheError,
  CacheService,
  InvalidateCache,
  type CacheModuleEvent,
} from '../../src/cache/index.js';
import { eachAdapter, settledIn, startCachedApp } from '../support/cached-app.js';
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

class Account {
  readonly id: string;
  @Exclude()
  readonly password: string;

  constructor(id: string) {
    this.id = id;
    this.password = 'secret';
  }
}

@Injectable()
class Accounts {
  @Cached({ ttl: 60, prefix: 'account' })
  account(id: string): Promise<Account> {
    return Promise.resolve(new Account(id));
  }
}

@Controller('accounts')
@UseInterceptors(ClassSerializerInterceptor)
class AccountsController {
  constructor(private readonly accounts: Accounts) {}

  @Get('typed')
  @SerializeOptions({ type: Account })
  typed() {
    return this.accounts.account('a');
  }

  @Get('cached')
  @Cached({ ttl: 60, prefix: 'account_view' })
  cached() {
    return new Account('a');
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

describe.each(eachAdapter)('decorated methods of providers on %s', (adapter) => {
  let app: INestApplication;
  let prices: Prices;
  let url: string;
  let events: CacheModuleEvent[];

  beforeEach(async () => {
    runs = 0;
    events = [];
    ({ app, url } = await startCachedApp({
      adapter,
      controllers: [SpannedController, PerRequestController, AccountsController],
      providers: [
        ...[Prices, SalePrices, PerRequest, Accounts],
        { provide: MADE, useFactory: () => new MadeElsewhere() },
      ],
      options: { onEvent: (event) => events.push(event) },
    }));
    prices = app.get(Prices);
  });

  afterEach(() => app.close());

  const settled = <T>(value: Promise<T> | T) => settledIn(app, value);

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

    figure('F57', `failures that were kept on ${adapter}, of 2`, 2 - runs, { atMost: 0 });
    expect(runs).toBe(2);
  });

  it('F57: give an unstorable value to their caller and keep nothing', async () => {
    await settled(prices.unstorable());
    await settled(prices.unstorable());

    figure('F57', `unstorable values that were kept on ${adapter}, of 2`, 2 - runs, { atMost: 0 });
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

  it('show nothing that their class excludes where the route names that class, or is itself what is kept', async () => {
    for (const path of ['/accounts/typed', '/accounts/cached']) {
      for (const call of ['miss', 'hit']) {
        const answer = await settled(fetch(url + path));

        expect([path, call, await answer.json()]).toEqual([path, call, { id: 'a' }]);
      }
    }
    const { prefixes } = app.get(CacheService).stats();
    expect(['account', 'account_view'].map((prefix) => prefixes.get(prefix)?.hits)).toEqual([1, 1]);
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
      adapter,
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

  it("tell of each call, and count it, when they were to be one caller's and come with a module that is loaded later", async () => {
    @Injectable()
    class Mine {
      @Cached({ ttl: 60, prefix: 'mine', scope: 'user' })
      value(): Promise<number> {
        return Promise.resolve(++runs);
      }
    }
    @Module({ providers: [Mine] })
    class LateModule {}
    const mine = (await app.get(LazyModuleLoader).load(() => LateModule)).get(Mine);

    expect([await settled(mine.value()), await settled(mine.value())]).toEqual([1, 2]);

    const bypass = {
      event: 'cache.bypass',
      prefix: 'mine',
      method: 'Mine.value',
      reason: 'nobody-to-share-with',
    };
    expect(events.filter(({ event }) => event === 'cache.bypass')).toEqual([bypass, bypass]);
    const { prefixes } = app.get(CacheService).stats();
    expect(prefixes.get('default')).toMatchObject({ bypasses: 2, hits: 0, misses: 0 });
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
    expect(prefixes.get('spanned_view')).toMatchObject({ hits: 0, misses: 0 });
  });
});
