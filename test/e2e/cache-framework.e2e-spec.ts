import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import {
  Body,
  Catch,
  Controller,
  Get,
  Headers,
  HttpException,
  Injectable,
  Module,
  NotFoundException,
  Param,
  Post,
  Query,
  Res,
  Sse,
  UseFilters,
  UseGuards,
  UseInterceptors,
  ValidationPipe,
  Version,
  VersioningType,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
} from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { RouteSchema, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Type as TypeOf } from 'class-transformer';
import { IsOptional, IsString } from 'class-validator';
import { defer, EMPTY, map, mergeMap, type Observable } from 'rxjs';
import { Cached, CacheService, InvalidateCache } from '../../src/cache/index.js';
import { FakeClock } from '../../src/cache/testing/index.js';
import { adapters, settledIn, startCachedApp } from '../support/cached-app.js';
import { deferred } from '../support/deferred.js';

let version = 0;
let app: INestApplication;
let url: string;

afterEach(() => app.close());

type Adapter = keyof typeof adapters;

async function start(adapter: Adapter, options: Omit<Parameters<typeof startCachedApp>[0], 'adapter'>) {
  ({ app, url } = await startCachedApp({ adapter, ...options }));
}

interface Got {
  readonly status: number;
  readonly outcome: string | null;
  readonly body: string;
  readonly headers: Headers;
}

async function get(path: string, headers: Record<string, string> = {}): Promise<Got> {
  const answer = await fetch(url + path, { headers });
  const outcome = answer.headers.get('x-cache');
  return { status: answer.status, outcome, body: await answer.text(), headers: answer.headers };
}

function post(path: string, body: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
}

const settings = { ttl: 60, scope: 'shared' } as const;

describe.each(Object.keys(adapters) as Adapter[])('on %s', (adapter) => {
  it('a client that has gone costs nobody else anything, also where the cache is switched off', async () => {
    const entered = deferred<ServerResponse>();
    const leave = deferred();
    const ran = deferred();

    @Injectable()
    class Slow implements CanActivate {
      async canActivate(context: ExecutionContext): Promise<boolean> {
        const response = context.switchToHttp().getResponse<ServerResponse & { raw?: ServerResponse }>();
        entered.resolve(response.raw ?? response);
        await leave.promise;
        return true;
      }
    }

    @Controller()
    class Failing {
      @Get()
      @UseGuards(Slow)
      @Cached(settings)
      fail(): Observable<never> {
        return defer(async () => {
          await Promise.resolve();
          ran.resolve();
          throw new Error('nobody listens');
        });
      }
    }

    const nobodys: unknown[] = [];
    const collect = (error: unknown) => void nobodys.push(error);
    process.on('unhandledRejection', collect);
    try {
      await start(adapter, { controllers: [Failing], options: { enabled: false } });
      const { port } = app.getHttpServer().address() as AddressInfo;
      const client = connect(port, '127.0.0.1');
      client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
      const response = await entered.promise;
      const closed = once(response, 'close');
      client.destroy();
      await closed;

      leave.resolve();
      await ran.promise;
      await new Promise((resolve) => setImmediate(resolve));

      expect(nobodys).toEqual([]);
    } finally {
      process.off('unhandledRejection', collect);
    }
  });

  it('an answer that comes of a parameter which its class does not describe is shared with nobody else', async () => {
    class ListQuery {
      @IsOptional()
      @IsString()
      page?: string;
    }

    class WithSetter extends ListQuery {
      set p(page: string) {
        this.page = page;
      }
    }

    const alias = { transform: (query: { page?: string; p?: string }) => ({ page: query.page ?? query.p }) };
    const strict = new ValidationPipe({ whitelist: true, transform: true });

    @Controller()
    class Lists {
      @Get('alias')
      @Cached({ ...settings, prefix: 'alias' })
      alias(@Query(alias) { page }: ListQuery) {
        return { page };
      }

      @Get('setter')
      @Cached({ ...settings, prefix: 'setter' })
      setter(@Query(strict) { page }: WithSetter) {
        return { page };
      }
    }

    await start(adapter, { controllers: [Lists] });

    for (const path of ['alias', 'setter']) {
      await get(`/${path}?page=1&p=1`);
      for (const p of ['2', '3', '4']) {
        expect(await get(`/${path}?p=${p}`)).toMatchObject({ outcome: 'MISS', body: `{"page":"${p}"}` });
      }
    }
  });

  it('however many names clients invent, those that are dropped are in no key', async () => {
    class ListQuery {
      @IsOptional()
      @IsString()
      page?: string;
    }

    @Controller()
    class Lists {
      @Get()
      @Cached(settings)
      list(@Query() { page }: ListQuery) {
        return { page };
      }
    }

    const configure = (made: INestApplication) =>
      made.useGlobalPipes(new ValidationPipe({ whitelist: true }));
    await start(adapter, { controllers: [Lists], configure });
    await get('/');

    const invented = Array.from({ length: 101 }, (_, n) => `x${n}=1`).join('&');

    expect((await get(`/?${invented}`)).outcome).toBe('HIT');
    expect((await get('/?r=1')).outcome).toBe('HIT');
  });

  it.each([
    ['a module', 'shops/:a', undefined, '/shops/s1/items/i1'],
    ['all modules', undefined, 'shops/:a', '/shops/s1/items/i1'],
    ['both', 'stores/:b', 'shops/:a', '/shops/s1/stores/x/items/i1'],
  ])('prefix patterns count parameters in the path of %s', async (_, ofModule, ofAll, path) => {
    @Controller('items')
    class Items {
      @Get(':größe')
      @Cached({ ...settings, prefix: 'view' })
      read(@Param('größe') size: string) {
        return { size, version };
      }

      @Post(':größe')
      @InvalidateCache('view:{a}:*')
      write(@Param('a') a: string) {
        return { a, version: ++version };
      }
    }

    @Module({ controllers: [Items] })
    class ItemsModule {}

    @Module({
      imports: [ItemsModule, RouterModule.register([{ path: ofModule ?? '', module: ItemsModule }])],
    })
    class Shops {}

    const configure = (made: INestApplication) =>
      ofAll && made.setGlobalPrefix(ofAll, { exclude: ['health'] });
    await start(adapter, { features: [Shops], configure: configure as (made: INestApplication) => void });
    await get(path);
    expect((await get(path)).outcome).toBe('HIT');
    const other = path.replace('s1', 's2');
    await get(other);

    await fetch(url + path, { method: 'POST' });

    expect(await get(path)).toMatchObject({ outcome: 'MISS', body: JSON.stringify({ size: 'i1', version }) });
    expect((await get(other)).outcome).toBe('HIT');
  });

  it('a stream that an interceptor wraps is sent as the adapter sends it, and not kept; what is made of one is', async () => {
    const wrapped: NestInterceptor = {
      intercept: (_: ExecutionContext, next: CallHandler) =>
        next.handle().pipe(map((data: unknown) => ({ data }))),
    };

    const collected: NestInterceptor = {
      intercept: (_: ExecutionContext, next: CallHandler<Readable>) =>
        next.handle().pipe(mergeMap(async (stream) => ({ chunks: await stream.toArray() }))),
    };

    @Controller()
    @UseInterceptors(wrapped)
    class Streams {
      @Get('twin')
      twin() {
        return Readable.from(['hello']);
      }

      @Get('cached')
      @Cached(settings)
      stream() {
        return Readable.from(['hello']);
      }

      @Get('collected')
      @UseInterceptors(collected)
      @Cached({ ...settings, prefix: 'collected' })
      collected() {
        return Readable.from(['hello']);
      }

      @Get('field')
      @Cached({ ...settings, prefix: 'field' })
      field() {
        return { pipe: 'a', getStream: 'b' };
      }
    }

    await start(adapter, { controllers: [Streams] });
    const { body } = await get('/twin');

    for (let n = 0; n < 2; n++) expect(await get('/cached')).toMatchObject({ outcome: 'MISS', body });
    await get('/collected');
    expect(await get('/collected')).toMatchObject({ outcome: 'HIT', body: '{"data":{"chunks":["hello"]}}' });
    await get('/field');
    expect(await get('/field')).toMatchObject({
      outcome: 'HIT',
      body: '{"data":{"pipe":"a","getStream":"b"}}',
    });
  });

  it('a 404 that is kept meets the same filter as the first, and one of another class is not kept', async () => {
    class Gone extends NotFoundException {}

    @Catch(NotFoundException)
    class OwnAnswer implements ExceptionFilter {
      catch(error: HttpException, host: ArgumentsHost) {
        app.getHttpAdapter().reply(host.switchToHttp().getResponse(), { mine: error.message }, 404);
      }
    }

    @Controller()
    @UseFilters(OwnAnswer)
    class Missing {
      @Get('missing/:id')
      @Cached({ ...settings, negativeTtl: 60 })
      missing(@Param('id') id: string): never {
        throw id === 'own' ? new Gone('gone') : new NotFoundException('gone');
      }
    }

    await start(adapter, { controllers: [Missing] });

    for (const outcome of ['MISS', 'HIT']) {
      expect(await get('/missing/a')).toMatchObject({ status: 404, outcome, body: '{"mine":"gone"}' });
    }
    for (let n = 0; n < 2; n++) expect(await get('/missing/own')).toMatchObject({ outcome: 'MISS' });
  });

  it('an Observable that ends without a value fails as it does without the cache', async () => {
    @Controller()
    class Silent {
      @Get('cached')
      @Cached(settings)
      cached() {
        return EMPTY;
      }

      @Get('plain')
      plain() {
        return EMPTY;
      }
    }

    await start(adapter, { controllers: [Silent] });

    const plain = await get('/plain');
    expect(await get('/cached')).toMatchObject({ status: plain.status, body: plain.body });
    expect(plain.status).toBe(500);
  });

  it('inputs without a name are all there are, and the boot is refused', async () => {
    @Controller()
    class Unnamed {
      @Get()
      @Cached(settings)
      read(@Headers('') headers: Record<string, string>) {
        return { user: headers['x-user'] };
      }
    }

    await expect(start(adapter, { controllers: [Unnamed] })).rejects.toMatchObject({
      message: expect.stringContaining('@Headers()'),
    });
    await start(adapter, {});
  });

  it('the status of a hit is that of the answer, whatever a guard has set', async () => {
    const setsStatus: CanActivate = {
      canActivate(context: ExecutionContext) {
        app.getHttpAdapter().status(context.switchToHttp().getResponse(), 202);
        return true;
      },
    };

    @Controller()
    class Guarded {
      @Get()
      @UseGuards(setsStatus)
      @Cached(settings)
      read() {
        return { version };
      }
    }

    await start(adapter, { controllers: [Guarded] });

    for (const outcome of ['MISS', 'HIT']) expect(await get('/')).toMatchObject({ status: 200, outcome });
  });

  describe('an answer that its handler has begun to send by itself', () => {
    type Sent = ServerResponse & {
      raw?: ServerResponse;
      hijack?: () => void;
      send: (body: string) => unknown;
    };
    const ways: Record<string, (response: Sent) => unknown> = {
      write: (response) => (response.raw ?? response).write('early '),
      end: (response) => (response.raw ?? response).end('own'),
      flushHeaders: (response) => {
        (response.raw ?? response).flushHeaders();
      },
      send: (response) => response.send('own'),
      ...(adapter === 'fastify' && {
        hijack: (response) => {
          response.hijack?.();
          setImmediate(() => response.raw?.end('own'));
        },
      }),
    };
    let from = 0;
    let runs = 0;

    @Controller()
    class BySelf {
      @Get('cached/:way')
      @Cached({ ttl: 10, scope: 'shared' })
      cached(@Param('way') way: string, @Res({ passthrough: true }) response: Sent) {
        if (++runs > from) ways[way]?.(response);
        return { runs };
      }

      @Get('twin/:way')
      twin(@Param('way') way: string, @Res({ passthrough: true }) response: Sent) {
        ways[way]?.(response);
        return { runs };
      }
    }

    it.each(Object.keys(ways))('is not kept: %s', async (way) => {
      [from, runs] = [0, 0];
      await start(adapter, { controllers: [BySelf] });
      const ask = async (path: string) => (await settledIn(app, get(path))).body.replace(/\d/, 'N');
      const twin = await ask(`/twin/${way}`);

      for (const run of [1, 2]) {
        expect(await ask(`/cached/${way}`)).toBe(twin);
        expect(runs).toBe(run);
      }
    });

    it.each(Object.keys(ways))('is not kept behind another either, and goes nowhere: %s', async (way) => {
      [from, runs] = [1, 0];
      const clock = new FakeClock();
      await start(adapter, { controllers: [BySelf], options: { clock } });
      await settledIn(app, get(`/cached/${way}`));
      clock.advance(9900);

      const outcomes = [];
      for (let n = 0; n < 2; n++) outcomes.push(await settledIn(app, get(`/cached/${way}`)));

      expect(runs).toBeGreaterThan(1);
      for (const { outcome, body } of outcomes) expect([outcome, body]).toEqual(['HIT', '{"runs":1}']);
    });
  });

  it.each([
    ['a header', { type: VersioningType.HEADER, header: 'X-Version' } as const, 'x-version'],
    ['the media type', { type: VersioningType.MEDIA_TYPE, key: 'v=' } as const, 'accept'],
  ])('caches outside are told that versions are told apart by %s', async (_, versioning, name) => {
    @Controller()
    class Versions {
      @Version('1')
      @Get()
      @Cached({ ...settings, clientMaxAge: 60 })
      first() {
        return { version: 1 };
      }
    }

    await start(adapter, {
      controllers: [Versions],
      configure: (made) => made.enableVersioning(versioning),
    });
    const headers = { 'x-version': '1', accept: 'application/json;v=1' };

    for (const outcome of ['MISS', 'HIT']) {
      const got = await get('/', headers);
      expect(got.outcome).toBe(outcome);
      expect(got.headers.get('vary')?.split(', ')).toContain(name);
    }
  });

  it('a guard that puts something else into the parameters of the path costs the cache, not the answer', async () => {
    const converts: CanActivate = {
      canActivate(context: ExecutionContext) {
        const { params } = context.switchToHttp().getRequest<{ params: Record<string, unknown> }>();
        params.id = Number(params.id);
        return true;
      },
    };

    @Controller()
    class Converted {
      @Get(':id')
      @UseGuards(converts)
      @Cached(settings)
      read(@Param('id') id: number) {
        return { id };
      }
    }

    await start(adapter, { controllers: [Converted] });

    for (let n = 0; n < 2; n++) {
      expect(await get('/7')).toMatchObject({ status: 200, outcome: 'BYPASS', body: '{"id":7}' });
    }
  });

  /** Keeps what depends on `item:{id}`, and has a write that invalidates what `pattern` names. */
  function viewsInvalidatedBy(pattern: string) {
    @Controller()
    class Views {
      @Get('view/:id')
      @Cached({ ...settings, tags: ['item:{id}'] })
      read(@Param('id') id: string) {
        return { id, version };
      }

      @Post('views')
      @InvalidateCache(pattern)
      write(@Body() given: object[]) {
        return { given };
      }
    }

    return Views;
  }

  it.each([
    ['each element of a list', 'item:{body.id}', [{ id: '0' }, { id: '1' }]],
    ['each element of a list in an object', 'item:{body.items.id}', { items: [{ id: '0' }, { id: '1' }] }],
    ['a field of what should have had some', 'item:{body.items.id}', { items: 'a' }],
  ])('what a body names as %s is invalidated', async (_, pattern, body) => {
    await start(adapter, { controllers: [viewsInvalidatedBy(pattern)] });
    await get('/view/1');

    await post('/views', body);

    expect((await get('/view/1')).outcome).toBe('MISS');
  });

  it('a field that its class computes names what is invalidated', async () => {
    class Course {
      readonly #ids = ['1'];

      get id() {
        return this.#ids;
      }
    }

    @Injectable()
    class Courses {
      @InvalidateCache('item:{0.id}')
      write(course: Course) {
        return Promise.resolve(course);
      }
    }

    await start(adapter, { controllers: [viewsInvalidatedBy('item:1')], providers: [Courses] });
    await get('/view/1');
    expect((await get('/view/1')).outcome).toBe('HIT');

    await app.get(Courses).write(new Course());

    expect((await get('/view/1')).outcome).toBe('MISS');
  });

  it('a prefix pattern whose value is absent names what stands before it', async () => {
    @Controller()
    class Views {
      @Get('view/:id')
      @Cached({ ...settings, prefix: 'view' })
      read(@Param('id') id: string) {
        return { id, version };
      }

      @Post('views')
      @InvalidateCache('view:{body.id}:*')
      write(@Body() given: object) {
        return { given };
      }
    }

    await start(adapter, { controllers: [Views] });
    await get('/view/1');

    await post('/views', {});

    expect((await get('/view/1')).outcome).toBe('MISS');
  });

  it('a cookie that comes with an answer is for one client, so that nothing outside may keep it for others', async () => {
    @Controller()
    class Open {
      @Get()
      @Cached({ ...settings, clientMaxAge: 30 })
      read() {
        return { version };
      }
    }

    const setsCookie = (_request: object, response: ServerResponse, next: () => void) => {
      response.setHeader('set-cookie', 'sid=1');
      next();
    };
    const configure = (made: INestApplication) =>
      adapter === 'express'
        ? made.use(setsCookie)
        : (made as NestFastifyApplication)
            .getHttpAdapter()
            .getInstance()
            .addHook('onRequest', (_request, reply, done) => {
              reply.header('set-cookie', 'sid=1');
              done();
            });
    await start(adapter, { controllers: [Open], configure: configure as (made: INestApplication) => void });

    for (const outcome of ['MISS', 'HIT']) {
      const got = await get('/');
      expect(got.outcome).toBe(outcome);
      expect(got.headers.get('cache-control')).toMatch(/^private/);
    }
  });

  it('what could not be meant is refused at the start', async () => {
    class Filtered {
      @IsOptional()
      @TypeOf((given) => ((given?.object as { kind?: string } | undefined)?.kind ? Object : Array))
      filter?: object;
    }

    @Controller()
    class Wrong {
      @Sse('events')
      @InvalidateCache('item:1')
      events() {
        return EMPTY;
      }

      @Post('twice/:id')
      @InvalidateCache('item:{id}')
      @InvalidateCache('typo:{id}')
      twice(@Param('id') id: string) {
        return id;
      }

      @Post('both/:course')
      @InvalidateCache('item:{course}')
      both(@Query('course') query: string, @Param('course') id: string) {
        return { query, id };
      }

      @Get('filtered')
      @Cached({ ...settings, tags: ['item:1'] })
      filtered(@Query() query: Filtered) {
        return { query };
      }

      @Get('cached-twice')
      @Cached(settings)
      @Cached(settings)
      cachedTwice() {
        return {};
      }

      @Get('read-and-write')
      @Cached(settings)
      @InvalidateCache('item:1')
      readAndWrite() {
        return {};
      }

      @Get('write-and-read')
      @InvalidateCache('item:1')
      @Cached(settings)
      writeAndRead() {
        return {};
      }

      @Get('nothing')
      @Cached(null as never)
      nothing() {
        return {};
      }
    }

    const refused = await start(adapter, { controllers: [Wrong] }).catch(String);
    for (const said of [
      'Wrong.events streams events',
      'Wrong.twice has two @InvalidateCache',
      "Wrong.both declares two inputs named 'course'",
      "Wrong.filtered reads 'filter' of a query class",
      'Wrong.cachedTwice has two @Cached',
      'Wrong.readAndWrite has both @Cached and @InvalidateCache',
      'Wrong.writeAndRead has both @Cached and @InvalidateCache',
      'Wrong.nothing, ttl',
    ]) {
      expect(refused).toContain(said);
    }
    await start(adapter, {});
  });
});

describe('what shapes the object itself before it is serialised has its say, and the answer is not kept', () => {
  @Controller()
  class Secrets {
    @Get()
    @Cached(settings)
    read() {
      return { secret: 1 };
    }
  }

  const shownOnly = { type: 'object', properties: { shown: { type: 'string' } } };

  it('a preSerialization hook of Fastify', async () => {
    const configure = (made: INestApplication) =>
      (made as NestFastifyApplication)
        .getHttpAdapter()
        .getInstance()
        .addHook('preSerialization', () => Promise.resolve({ redacted: true }));
    await start('fastify', { controllers: [Secrets], configure });

    for (let n = 0; n < 2; n++) {
      expect(await get('/')).toMatchObject({ outcome: 'MISS', body: '{"redacted":true}' });
    }
  });

  it('a middleware of Express that replaces res.json', async () => {
    interface Replaced {
      json: (body: unknown) => unknown;
    }
    const configure = (made: INestApplication) =>
      made.use((_request: object, response: Replaced, next: () => void) => {
        const json = response.json.bind(response);
        response.json = () => json({ redacted: true });
        next();
      });
    await start('express', { controllers: [Secrets], configure });

    for (let n = 0; n < 2; n++) {
      expect(await get('/')).toMatchObject({ outcome: 'BYPASS', body: '{"redacted":true}' });
    }
  });

  it.each(['200', '2xx', '2XX', 'default'])(
    'a response schema of Fastify for each content type (%s)',
    async (status) => {
      @Controller()
      class Described {
        @Get()
        @RouteSchema({ response: { [status]: { content: { 'application/json': { schema: shownOnly } } } } })
        @Cached(settings)
        read() {
          return { shown: 'x', hidden: 'y' };
        }
      }

      await start('fastify', { controllers: [Described] });

      for (let n = 0; n < 2; n++) {
        expect(await get('/')).toMatchObject({ status: 200, outcome: 'MISS', body: '{"shown":"x"}' });
      }
    },
  );

  it('but not a response schema of Fastify for the content types of other statuses', async () => {
    @Controller()
    class Described {
      @Get()
      @RouteSchema({
        response: { 200: shownOnly, default: { content: { 'application/json': { schema: shownOnly } } } },
      })
      @Cached(settings)
      read() {
        return { shown: 'x', hidden: 'y' };
      }
    }

    await start('fastify', { controllers: [Described] });

    expect(await get('/')).toMatchObject({ outcome: 'MISS', body: '{"shown":"x"}' });
    expect(await get('/')).toMatchObject({ outcome: 'HIT', body: '{"shown":"x"}' });
  });

  it.each(['of one response', 'of the application'])(
    'a res.json of Express that is replaced, %s',
    async (whose) => {
      interface Replaced {
        json: (body: unknown) => unknown;
        app: { response: Replaced };
      }
      const configure = (made: INestApplication) =>
        made.use((request: { headers: Record<string, string> }, response: Replaced, next: () => void) => {
          if (request.headers['x-admin']) {
            next();
            return;
          }
          const holder = whose === 'of one response' ? response : response.app.response;
          const { json } = response;
          holder.json = function (this: unknown) {
            return json.call(this, { redacted: true });
          };
          next();
        });
      await start('express', { controllers: [Secrets], configure });

      const admin = await get('/', { 'x-admin': 'yes' });
      expect(admin.body).toBe('{"secret":1}');

      expect((await get('/')).body).toBe('{"redacted":true}');
    },
  );

  it('a serialiser and a type that a hook of Fastify sets for one reply', async () => {
    const configure = (made: INestApplication) =>
      (made as NestFastifyApplication)
        .getHttpAdapter()
        .getInstance()
        .addHook('onRequest', (request, reply, done) => {
          if (request.headers.accept === 'application/yaml') {
            void reply.type('application/yaml').serializer(() => 'secret: 1');
          }
          done();
        });
    await start('fastify', { controllers: [Secrets], configure });

    for (let n = 0; n < 2; n++) {
      const yaml = await get('/', { accept: 'application/yaml' });
      expect(yaml.body).toBe('secret: 1');
      expect((await get('/')).body).toBe('{"secret":1}');
    }
  });

  it('a response schema of Fastify hides the same after a 304, which a run goes on behind', async () => {
    const clock = new FakeClock();

    @Controller()
    class Described {
      @Get()
      @RouteSchema({ response: { 200: shownOnly } })
      @Cached({ ttl: 10, scope: 'shared' })
      read() {
        return { shown: 'x', hidden: 'y' };
      }
    }

    await start('fastify', { controllers: [Described], options: { clock } });
    const { headers } = await get('/');
    clock.advance(9900);
    const held = await get('/', { 'if-none-match': headers.get('etag') ?? '' });
    expect(held.status).toBe(304);
    await app.get(CacheService).settle();

    expect(await get('/')).toMatchObject({ outcome: 'HIT', body: '{"shown":"x"}' });
  });
});
