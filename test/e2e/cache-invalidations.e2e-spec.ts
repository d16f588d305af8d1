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
} from '@nestjs/common';
import { IsString } from 'class-validator';
import fc from 'fast-check';
import { Cached, InvalidateCache, type CacheModuleEvent } from '../../src/cache/index.js';
import { eachAdapter, settledIn, startCachedApp } from '../support/cached-app.js';

let runs = 0;

@Injectable()
class Prices {
  @Cached({ ttl: 60, prefix: 'price', tags: ['item:{0}'] })
  price(item: string): Promise<{ item: string; run: number }> {
    return Promise.resolve({ item, run: ++runs });
  }

  @Cached({ ttl: 60, prefix: 'label', tags: ['price:{0}:*'] })
  async label(item: string): Promise<{ text: string; run: number }> {
    return Promise.resolve({ text: `${item}: 1 EUR`, run: ++runs });
  }

  @Cached({ ttl: 60, tags: ['price:*'] })
  dearest(): Promise<number> {
    return Promise.resolve(++runs);
  }

  @Cached({ ttl: 60, prefix: 'numbered' })
  numbered(_isSold: boolean, _id: bigint): Promise<number> {
    return Promise.resolve(++runs);
  }

  @Cached({ ttl: 60, prefix: 'apart' })
  apart(): Promise<number> {
    return Promise.resolve(++runs);
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
      controllers: [ItemsController],
      providers: [Prices, Families],
      options: { onEvent: (event) => events.push(event) },
    }));
    prices = app.get(Prices);
  });

  afterEach(() => app.close());

  const settled = <T>(value: Promise<T> | T) => settledIn(app, value);

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
      await settled(Promise.all([prices.price('a'), prices.price('b'), prices.apart()]));

      await prices.forgetItem('a');
      expect([(await settled(prices.price('a'))).run, (await prices.price('b')).run]).toEqual([4, 2]);
      await prices.forgetAll();
      expect((await settled(prices.price('b'))).run).toBe(5);
      await prices.apart();
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

  it('keep what depends on a prefix that a function names, until a part of it goes', async () => {
    const families = app.get(Families);
    const held = () => settled(families.held('item:*'));

    expect([await held(), await held()]).toEqual([1, 1]);
    await families.drop('item:a:*');
    expect([await held(), await held()]).toEqual([2, 2]);
    await families.drop('item:*');
    expect(await held()).toBe(3);
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

  it('invalidate by the leading parameters of the path that was asked for, of several', async () => {
    const found = async (path: string) => (await settled(fetch(`${url}/items/${path}`))).json();
    await found('titles/a');
    await found('shelves/a/b');

    await fetch(`${url}/items/titles/a`, { method: 'DELETE' });

    expect(await found('titles/a')).toEqual({ run: 3 });
    await fetch(`${url}/items/titles/b`, { method: 'DELETE' });
    expect(await found('titles/a')).toEqual({ run: 3 });
  });
});
