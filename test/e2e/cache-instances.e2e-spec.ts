import {
  Controller,
  Get,
  type INestApplication,
  Injectable,
  Param,
  type PipeTransform,
  Post,
  Query,
  Scope,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import { APP_PIPE, NestFactory } from '@nestjs/core';
import { IsOptional } from 'class-validator';
import { Cached, CacheModule, CacheService, InvalidateCache } from '../../src/cache/index.js';
import { CacheDoor } from '../../src/cache/http/cache-door.guard.js';
import { eachAdapter, startCachedApp } from '../support/cached-app.js';

describe.each(eachAdapter)('on %s', (adapter) => {
  const apps: INestApplication[] = [];

  async function start(options: Omit<Parameters<typeof startCachedApp>[0], 'adapter'>) {
    const started = await startCachedApp({ adapter, ...options });
    apps.push(started.app);
    return started;
  }

  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
  });

  let stored = 'old';
  beforeEach(() => (stored = 'old'));

  class Repository {
    @Cached({ ttl: 60, prefix: 'item', tags: ['item:{0}'] })
    async read(_id: string) {
      await Promise.resolve();
      return stored;
    }
  }

  class Writer {
    @InvalidateCache('item:{0}')
    async write(_id: string, value: string) {
      await Promise.resolve();
      stored = value;
    }
  }

  describe('what a factory makes', () => {
    @Controller()
    class ItemController {
      constructor(
        private readonly repository: Repository,
        private readonly writer: Writer,
      ) {}

      @Get(':id')
      async read(@Param('id') id: string) {
        return { value: await this.repository.read(id) };
      }

      @Post(':id')
      async write(@Param('id') id: string) {
        await this.writer.write(id, 'new');
      }
    }

    it.each([
      ['once', Scope.DEFAULT],
      ['for each request', Scope.REQUEST],
      ['for each who injects it', Scope.TRANSIENT],
    ])('%s meets the cache', async (_, scope) => {
      for (const make of [() => new Writer(), () => Promise.resolve(new Writer())]) {
        const { app, url } = await start({
          controllers: [ItemController],
          providers: [Repository, { provide: Writer, useFactory: make, scope }],
        });
        const read = async () => ((await (await fetch(`${url}/1`)).json()) as { value: string }).value;
        stored = 'old';
        expect(await read()).toBe('old');

        expect((await fetch(`${url}/1`, { method: 'POST' })).status).toBe(201);

        expect(await read()).toBe('new');
        await app.close();
      }
    });
  });

  describe('an instance that was made before', () => {
    it('belongs to the application that has been given it last', async () => {
      const repository = new Repository();
      const providers = [{ provide: Repository, useValue: repository }, Writer];
      const first = await start({ providers });
      expect(await repository.read('1')).toBe('old');
      await first.app.close();
      const second = await start({ providers });
      await repository.read('1');

      await second.app.get(Writer).write('1', 'new');

      expect(await repository.read('1')).toBe('new');
    });

    it('is refused when it is frozen, by name', async () => {
      const providers = [{ provide: Repository, useValue: Object.freeze(new Repository()) }, Writer];

      await expect(start({ providers })).rejects.toThrow('A Repository is frozen');
    });
  });

  it('the module needs no options', async () => {
    const app = await NestFactory.createApplicationContext(CacheModule.forRoot(), { logger: false });

    expect(app.get(CacheService).stats()).toMatchObject({ store: 'memory', isAvailable: true });
    await app.close();
  });

  it('a static method cannot be decorated', () => {
    const decorate = () => {
      class Statics {
        readonly isInstantiable = true;

        @InvalidateCache('item:{0}')
        static write(_id: string) {
          // Nothing.
        }
      }
      return Statics;
    };

    expect(decorate).toThrow('Statics.write is static');
  });

  it.each([Cached(60), InvalidateCache('item:*')])('a getter cannot be decorated (%#)', (decorator) => {
    const decorate = () => {
      class Getters {
        @decorator
        get price(): number {
          return Math.PI;
        }
      }
      return Getters;
    };

    expect(decorate).toThrow('Getters.price is no method');
  });

  describe('arguments that no JSON tells apart', () => {
    const more = Symbol('more');
    const less = Symbol('less');
    class Percent {
      constructor(readonly amount: number) {}
    }
    class Fixed {
      constructor(readonly amount: number) {}
    }
    const Nameless = [1, 2].map(
      () =>
        class {
          constructor(readonly amount: number) {}
        },
    );
    class AnyOf extends Array<number> {}
    class AllOf extends Array<number> {}
    class Login {
      constructor(
        readonly user: string,
        readonly password: unknown,
      ) {}

      toJSON() {
        return { user: this.user };
      }
    }
    class Day extends Date {
      constructor(readonly place: string) {
        super(0);
      }
    }
    const bare = (fields: object) => Object.assign(Object.create(null) as object, fields);
    @Injectable()
    class Seeker {
      runs = 0;

      @Cached({ ttl: 60, prefix: 'sought' })
      async sought(_what: unknown) {
        await Promise.resolve();
        return ++this.runs;
      }
    }

    it.each<[string, unknown, unknown, isKept: boolean]>([
      ['symbols as names', { age: { [more]: 18 } }, { age: { [less]: 18 } }, false],
      ['classes with the same fields', new Percent(5), new Fixed(5), true],
      ['classes without a name', new Nameless[0]!(5), new Nameless[1]!(5), false],
      ['an instance and a plain object', new Percent(5), { amount: 5 }, true],
      [
        'lists with fields beside their items',
        Object.assign([1], { of: 'any' }),
        Object.assign([1], { of: 'all' }),
        false,
      ],
      ['kinds of lists', AnyOf.of(1), AllOf.of(1), true],
      ['an address and its text', new URL('http://a/'), 'http://a/', true],
      [
        'what is inherited',
        Object.assign(Object.create({ tenant: 'a' }) as object, { page: 1 }),
        Object.assign(Object.create({ tenant: 'b' }) as object, { page: 1 }),
        false,
      ],
      [
        'what is inherited from an object without a class',
        Object.assign(Object.create(bare({ tenant: 'a' })) as object, { page: 1 }),
        Object.assign(Object.create(bare({ tenant: 'b' })) as object, { page: 1 }),
        false,
      ],
      ['what toJSON leaves out', new Login('ada', 'right'), new Login('ada', 'wrong'), true],
      [
        'what toJSON leaves out and nobody can write',
        new Login('ada', () => 1),
        new Login('ada', () => 2),
        false,
      ],
      [
        'what lies under a symbol beside toJSON',
        Object.assign(new URL('http://a/'), { [more]: 18 }),
        Object.assign(new URL('http://a/'), { [more]: 21 }),
        false,
      ],
      ['days with fields', new Day('Berlin'), new Day('Lima'), false],
    ])('share nothing: %s', async (_, one, other, isKept) => {
      const { app } = await start({ providers: [Seeker] });
      const seeker = app.get(Seeker);

      const first = await seeker.sought(one);
      expect(await seeker.sought(other)).not.toBe(first);
      expect((await seeker.sought(one)) === first).toBe(isKept);
    });
  });

  it('a global pipe with a scope counts as one that may read what no class declares', async () => {
    @Injectable({ scope: Scope.TRANSIENT })
    class Alias implements PipeTransform {
      transform(value: { page?: string; p?: string }, { type }: { type: string }) {
        return type === 'query' ? { page: value.page ?? value.p } : value;
      }
    }
    class PageQuery {
      @IsOptional()
      page?: string;
    }
    @Controller()
    class PagesController {
      @Get()
      @UsePipes(new ValidationPipe({ whitelist: true, transform: true }))
      @Cached({ ttl: 60, scope: 'shared' })
      read(@Query() { page }: PageQuery) {
        return { page };
      }
    }
    const { url } = await start({
      controllers: [PagesController],
      providers: [{ provide: APP_PIPE, useClass: Alias, scope: Scope.TRANSIENT }],
    });

    for (const page of ['1', '2']) expect(await (await fetch(`${url}/?p=${page}`)).json()).toEqual({ page });
  });

  it('the door lets through what calls a route’s handler as no route', async () => {
    @Controller()
    class BothController {
      @Get('both')
      @Cached({ ttl: 60, scope: 'shared' })
      both() {
        return { is: 'both' };
      }
    }
    const { app } = await start({ controllers: [BothController] });
    const message = {
      getType: () => 'rpc',
      getClass: () => BothController,
      getHandler: () => (BothController.prototype as unknown as { both: object }).both,
      getArgs: () => [{}, {}],
    };

    expect(app.get(CacheDoor).canActivate(message as never)).toBe(true);
  });
});
