import { Readable } from 'node:stream';
import {
  applyDecorators,
  type CallHandler,
  ClassSerializerInterceptor,
  Controller,
  type ExecutionContext,
  Get,
  Header,
  type INestApplication,
  Injectable,
  Module,
  type NestInterceptor,
  Param,
  type PipeTransform,
  type Provider,
  Res,
  Scope,
  StreamableFile,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import { APP_INTERCEPTOR, Reflector } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Exclude, Expose } from 'class-transformer';
import type { FastifyReply } from 'fastify';
import { catchError, lastValueFrom, map, of, type Observable } from 'rxjs';
import { CacheDoor } from '../../src/cache/http/cache-door.guard.js';
import { CacheLoader } from '../../src/cache/http/cache-loader.interceptor.js';
import { Cached, CacheService } from '../../src/cache/index.js';
import { FakeClock } from '../../src/cache/testing/index.js';
import { eachAdapter, startCachedApp } from '../support/cached-app.js';
import { rawRequest } from '../support/raw-request.js';

let mapped = 0;
let handled = 0;
let hasTrailers = true;
let asked = 0;

class Person {
  @Exclude()
  password = 'secret';
  constructor(readonly name: string) {}

  @Expose()
  get initial(): string {
    return this.name.slice(0, 1);
  }
}

@Injectable()
class WrapInData implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    mapped++;
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

const people = () => [new Person('Ada'), new Person('Grace')];

const levels = ['module', 'global', 'class', 'method'] as const;
type Level = (typeof levels)[number];
/** Interceptors with where they stand, in the order in which they are registered. */
type Placed = readonly (readonly [interceptor: Type<NestInterceptor>, level: Level])[];

function at(placed: Placed, level: Level): Type<NestInterceptor>[] {
  return placed.filter(([, where]) => where === level).map(([interceptor]) => interceptor);
}

/** A route under the cache and its twin without, behind the same interceptors. */
function featureWith(placed: Placed): Type {
  const use = (level: Level) => applyDecorators(UseInterceptors(...at(placed, level)));

  @Controller('people')
  @use('class')
  class PeopleController {
    @Get('cached')
    @Cached({ ttl: 60, prefix: 'people' })
    @use('method')
    cached() {
      handled++;
      return people();
    }

    @Get('twin')
    @use('method')
    twin() {
      return people();
    }
  }

  const providers: Provider[] = at(placed, 'module').map((useClass) => ({
    provide: APP_INTERCEPTOR,
    useClass,
  }));

  @Module({ controllers: [PeopleController], providers: [...providers, Reflector] })
  class PeopleModule {}
  return PeopleModule;
}

const arrangements: [string, Placed][] = levels.flatMap((serializer) =>
  levels.flatMap((wrapper): [string, Placed][] => {
    const first = [ClassSerializerInterceptor as Type<NestInterceptor>, serializer] as const;
    const second = [WrapInData, wrapper] as const;
    const name = `serializer at ${serializer}, wrapper at ${wrapper}`;
    const inTurn: [string, Placed] = [name, [first, second]];
    return serializer === wrapper ? [inTurn, [`${name}, the other first`, [second, first]]] : [inTurn];
  }),
);

@Controller('secrets')
class SecretsController {
  @Get('twin')
  twin() {
    return { secret: 'hidden', shown: '<b>&' };
  }

  @Get('cached')
  @Cached({ ttl: 60, prefix: 'secrets' })
  cached() {
    return this.twin();
  }
}

describe.each(eachAdapter)('interceptors around a cached route on %s', (adapter) => {
  it.each(arrangements)('shape the answer once, as without the cache: %s', async (_, placed) => {
    for (const isCacheFirst of [true, false]) {
      mapped = handled = 0;
      const { app, url } = await startCachedApp({
        adapter,
        features: [featureWith(placed)],
        isCacheFirst,
        options: { clock: new FakeClock() },
        configure: (created) => {
          for (const interceptor of at(placed, 'global')) {
            created.useGlobalInterceptors(
              interceptor === WrapInData ? new WrapInData() : new ClassSerializerInterceptor(new Reflector()),
            );
          }
        },
      });
      const get = async (path: string) => {
        const { status, headers, text } = await rawRequest(`${url}/people/${path}`);
        await app.get(CacheService).settle();
        return { outcome: headers['x-cache'], answer: [status, headers['content-type'], text] };
      };

      const miss = await get('cached');
      const hits = [await get('cached'), await get('cached')];
      const twin = await get('twin');
      await app.close();

      expect(miss).toEqual({ outcome: 'MISS', answer: twin.answer });
      expect(hits).toEqual([miss, miss].map(({ answer }) => ({ outcome: 'HIT', answer })));
      expect(twin.answer[2]).not.toContain('secret');
      expect([handled, mapped]).toEqual([1, 2]);
    }
  });
});

/** How often each of those around a route was called, by name. */
const called = new Map<string, number>();

function count(name: string): void {
  called.set(name, (called.get(name) ?? 0) + 1);
}

function wrapping(name: string) {
  return (next: CallHandler) => {
    count(name);
    return next.handle().pipe(map((inner: unknown) => ({ [name]: inner })));
  };
}

@Injectable()
class GlobalInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    return wrapping('global')(next);
  }
}

@Injectable()
class ClassInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    return wrapping('class')(next);
  }
}

@Injectable({ scope: Scope.REQUEST })
class RequestInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    return wrapping('request')(next);
  }
}

@Injectable()
class AsyncInterceptor implements NestInterceptor {
  async intercept(_context: ExecutionContext, next: CallHandler) {
    await new Promise((resolve) => setImmediate(resolve));
    return wrapping('async')(next);
  }
}

@Injectable()
class CountingPipe implements PipeTransform<string, string> {
  transform(id: string): string {
    count('pipe');
    return id;
  }
}

@Controller('surrounded')
@UseInterceptors(ClassInterceptor, RequestInterceptor)
class SurroundedController {
  @Get('cached/:id')
  @Cached({ ttl: 60, prefix: 'surrounded', key: ({ params }) => ({ id: String(params.id) }) })
  @UseInterceptors(AsyncInterceptor)
  cached(@Param('id', CountingPipe) id: string) {
    count('handler');
    return { id };
  }

  @Get('twin/:id')
  @UseInterceptors(AsyncInterceptor)
  twin(@Param('id', CountingPipe) id: string) {
    count('handler');
    return { id };
  }
}

@Module({ controllers: [SurroundedController] })
class SurroundedModule {}

describe.each(eachAdapter)('all that stands around a route on %s', (adapter) => {
  const around = ['async', 'class', 'global', 'handler', 'pipe', 'request', 'serialiser'];

  it.each([true, false])(
    'is called once for a miss and not for hits (the cache first: %s)',
    async (isCacheFirst) => {
      const { app, url } = await startCachedApp({
        adapter,
        features: [SurroundedModule],
        isCacheFirst,
        options: { clock: new FakeClock() },
        configure: (made) => {
          made.useGlobalInterceptors(new GlobalInterceptor());
          countSerialisations(made);
        },
      });
      const get = async (path: string) => {
        called.clear();
        const { status, headers, text } = await rawRequest(`${url}/surrounded/${path}/1`);
        await app.get(CacheService).settle();
        const counts = [...called].map(([name, times]) => `${name} ${times}`).sort();
        return { outcome: headers['x-cache'], counts, answer: [status, headers['content-type'], text] };
      };
      const counts = around.map((name) => `${name} 1`);

      const twin = await get('twin');
      const [miss, ...hits] = [await get('cached'), await get('cached'), await get('cached')];
      await app.close();

      expect(twin.counts).toEqual(counts);
      expect(miss).toEqual({ outcome: 'MISS', counts, answer: twin.answer });
      expect(hits).toEqual([1, 2].map(() => ({ outcome: 'HIT', counts: [], answer: twin.answer })));
    },
  );
});

/** Of whole answers, by the application's own way to write them. */
function countSerialisations(app: INestApplication): void {
  const http = app.getHttpAdapter().getInstance() as {
    set?: (setting: string, value: unknown) => void;
    setReplySerializer?: (serialize: (value: unknown) => string) => void;
  };
  http.setReplySerializer?.((value) => {
    count('serialiser');
    return JSON.stringify(value);
  });
  http.set?.('json replacer', (name: string, value: unknown) => {
    if (name === '') count('serialiser');
    return value;
  });
}

/** What handlers return, and whether it can be kept. */
const results: Record<string, { value: () => unknown; isKept: boolean }> = {
  object: { value: () => ({ a: 1, b: [null, 'ü', { c: undefined }] }), isKept: true },
  array: { value: () => [1, 'two', null], isKept: true },
  empty: { value: () => ({}), isKept: true },
  date: { value: () => ({ at: new Date(0), json: { toJSON: () => 'own' } }), isKept: true },
  instance: { value: () => new Person('Ada'), isKept: true },
  text: { value: () => 'text', isKept: false },
  json: { value: () => '{"a":1}', isKept: false },
  nothing: { value: () => '', isKept: false },
  null: { value: () => null, isKept: false },
  undefined: { value: () => undefined, isKept: false },
  number: { value: () => 42, isKept: false },
  zero: { value: () => 0, isKept: false },
  false: { value: () => false, isKept: false },
  buffer: { value: () => Buffer.from('bytes'), isKept: false },
  file: { value: () => new StreamableFile(Buffer.from('file')), isKept: false },
  stream: { value: () => Readable.from(['str', 'eam']), isKept: false },
  response: { value: () => Response.json({ a: 1 }), isKept: false },
};

/** A query that runs when it is asked, each time anew, as those of query builders do. */
class LazyQuery {
  constructor(readonly result: object) {}

  then(fulfilled: (result: object) => unknown) {
    asked++;
    return Promise.resolve(this.result).then(fulfilled);
  }
}

/** What a handler may return in a result's place. */
const wrappings: Record<string, (result: object) => unknown> = {
  promise: (result) => Promise.resolve(result),
  thenable: (result) => new LazyQuery(result),
  observable: (result) => of({ item: 'first' }, result),
  'promise of an observable': (result) => Promise.resolve(of(result)),
  'thenable of an observable': (result) => new LazyQuery(of(result)),
};

@Controller('results')
class ResultsController {
  @Get('cached/:kind')
  @Cached({ ttl: 60, prefix: 'results' })
  cached(@Param('kind') kind: string) {
    return results[kind]?.value();
  }

  @Get('twin/:kind')
  twin(@Param('kind') kind: string) {
    return results[kind]?.value();
  }

  @Get('tagged/:kind')
  @Cached<ResultsController['tagged']>({
    ttl: 60,
    prefix: 'tagged_results',
    tags: [(_, result) => [`item:${result.item}`]],
  })
  tagged(@Param('kind') kind: string) {
    return wrappings[kind]?.({ item: kind }) as Promise<{ item: string }>;
  }

  @Get('late-cookie')
  @Cached({ ttl: 60, prefix: 'late_cookie' })
  lateCookie(@Res({ passthrough: true }) reply: { setCookie: (name: string, value: string) => unknown }) {
    reply.setCookie('session', String(++handled));
    return { a: 1 };
  }

  @Get('trailer')
  @Cached({ ttl: 60, prefix: 'trailer' })
  trailer(@Res({ passthrough: true }) reply: FastifyReply) {
    const run = ++handled;
    if (hasTrailers) reply.trailer('x-sum', () => Promise.resolve(String(run)));
    return { run };
  }

  @Get('sent/:kind')
  @Cached({ ttl: 60, prefix: 'sent' })
  sent(@Param('kind') kind: string, @Res({ passthrough: true }) reply: FastifyReply) {
    handled++;
    void reply.send(kind === 'stream' ? Readable.from([Buffer.from('own')]) : undefined);
    return { a: 1 };
  }

  @Get('typed')
  @Header('Content-Type', 'application/vnd.own+json')
  @Cached({ ttl: 60, prefix: 'typed' })
  typed() {
    return { a: 1 };
  }

  @Get('typed-twin')
  @Header('Content-Type', 'application/vnd.own+json')
  typedTwin() {
    return { a: 1 };
  }
}

describe.each(eachAdapter)('what a handler returns on %s', (adapter) => {
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    ({ app, url } = await startCachedApp({
      adapter,
      controllers: [ResultsController],
      options: { clock: new FakeClock() },
    }));
  });

  afterAll(() => app.close());

  async function get(path: string) {
    const { status, headers, text } = await rawRequest(`${url}/results/${path}`);
    await app.get(CacheService).settle();
    return {
      outcome: headers['x-cache'],
      answer: [status, headers['content-type'], headers['content-length'], text],
    };
  }

  it.each(Object.keys(results))('reaches the client as without the cache, twice: %s', async (kind) => {
    const twin = await get(`twin/${kind}`);
    const [first, second] = [await get(`cached/${kind}`), await get(`cached/${kind}`)];

    expect([first.answer, second.answer]).toEqual([twin.answer, twin.answer]);
    expect([first.outcome, second.outcome]).toEqual(['MISS', results[kind]?.isKept ? 'HIT' : 'MISS']);
  });

  it.each(Object.keys(wrappings))('is what tags are named by, and is asked once: a %s', async (kind) => {
    asked = 0;
    const path = `tagged/${encodeURIComponent(kind)}`;
    const [miss, hit] = [await get(path), await get(path)];
    await app.get(CacheService).invalidate(`item:${kind}`);
    const after = await get(path);

    expect([miss.outcome, hit.outcome, after.outcome]).toEqual(['MISS', 'HIT', 'MISS']);
    expect(miss.answer.at(-1)).toBe(`{"item":"${kind}"}`);
    expect(asked).toBe(kind.startsWith('thenable') ? 2 : 0);
  });

  it('has the type that @Header gives it', async () => {
    const twin = await get('typed-twin');
    const [miss, hit] = [await get('typed'), await get('typed')];

    expect([miss.answer, hit.answer, hit.outcome]).toEqual([twin.answer, twin.answer, 'HIT']);
  });
});

describe.each(eachAdapter)('the serialiser of the application on %s', (adapter) => {
  const hide = (name: string, value: unknown) => (name === 'secret' ? undefined : value);

  it('writes what is sent and kept, as without the cache', async () => {
    const { app, url } = await startCachedApp({
      adapter,
      controllers: [SecretsController],
      configure: (made) => {
        const http = made.getHttpAdapter().getInstance() as {
          set?: (setting: string, value: unknown) => void;
          setReplySerializer?: (serialize: (value: unknown) => string) => void;
        };
        http.setReplySerializer?.((value) => JSON.stringify(value, hide, 1));
        http.set?.('json replacer', hide);
        http.set?.('json spaces', 1);
        http.set?.('json escape', true);
      },
    });
    const get = async (path: string) => (await rawRequest(`${url}/secrets/${path}`)).text;

    const twin = await get('twin');
    const miss = await get('cached');
    await app.get(CacheService).settle();

    expect(twin).not.toContain('hidden');
    expect([miss, await get('cached')]).toEqual([twin, twin]);
    await app.close();
  });
});

describe('hooks of Fastify', () => {
  it('see every answer as it is sent, and may add to it', async () => {
    const http = new FastifyAdapter();
    const sent: string[] = [];
    http.getInstance().addHook('onSend', async (_request, reply, payload) => {
      await new Promise((resolve) => setImmediate(resolve));
      sent.push(String(payload));
      reply.header('x-hook', sent.length);
      return payload;
    });
    const { app, url } = await startCachedApp({
      http,
      controllers: [ResultsController],
      options: { clock: new FakeClock() },
    });

    const miss = await rawRequest(`${url}/results/cached/object`);
    await app.get(CacheService).settle();
    const hit = await rawRequest(`${url}/results/cached/object`);
    await app.close();

    expect([miss.headers['x-cache'], hit.headers['x-cache']]).toEqual(['MISS', 'HIT']);
    expect(sent).toEqual([miss.text, hit.text]);
    expect([miss.headers['x-hook'], hit.headers['x-hook']]).toEqual(['1', '2']);
  });

  it('may write cookies that no header told of, and what has one is not kept', async () => {
    handled = 0;
    const http = new FastifyAdapter();
    const cookies = new WeakMap<object, string[]>();
    // As @fastify/cookie does.
    http.getInstance().decorateReply('setCookie', function (this: object, name: string, value: string) {
      cookies.set(this, [...(cookies.get(this) ?? []), `${name}=${value}`]);
      return this;
    });
    http.getInstance().addHook('onSend', async (_request, reply, payload) => {
      const set = cookies.get(reply);
      if (set) reply.header('set-cookie', set);
      return Promise.resolve(payload);
    });
    const { app, url } = await startCachedApp({ http, controllers: [ResultsController] });

    const answers = [];
    for (let n = 0; n < 2; n++) {
      const { headers } = await rawRequest(`${url}/results/late-cookie`);
      await app.get(CacheService).settle();
      answers.push([headers['x-cache'], headers['set-cookie']]);
    }
    await app.close();

    expect(answers).toEqual([
      ['MISS', ['session=1']],
      ['MISS', ['session=2']],
    ]);
  });

  it.each([
    ['nothing', ''],
    ['stream', 'own'],
  ])(
    'may hold back what a handler has sent by itself, and what it returns then is not kept: %s',
    async (kind, text) => {
      handled = 0;
      const http = new FastifyAdapter();
      http.getInstance().addHook('onSend', async (_request, _reply, payload) => {
        await new Promise((resolve) => setImmediate(resolve));
        return payload;
      });
      const { app, url } = await startCachedApp({ http, controllers: [ResultsController] });

      const answers = [];
      for (let n = 0; n < 2; n++) {
        answers.push((await rawRequest(`${url}/results/sent/${kind}`)).text);
        await app.get(CacheService).settle();
      }
      await app.close();

      expect([answers, handled]).toEqual([[text, text], 2]);
    },
  );

  it('do not take a hit for a handler that never ends', async () => {
    const http = new FastifyAdapter({ handlerTimeout: 50 });
    const failures: unknown[] = [];
    http.getInstance().addHook('onError', (_request, _reply, error, done) => {
      failures.push(error);
      done();
    });
    const clock = new FakeClock();
    const { app, url } = await startCachedApp({ http, controllers: [ResultsController], options: { clock } });

    await rawRequest(`${url}/results/cached/object`);
    await app.get(CacheService).settle();
    const hits = [];
    // Longer than the timeout: each on a connection of its own, one after the other.
    const end = performance.now() + 200;
    while (performance.now() < end) hits.push(await rawRequest(`${url}/results/cached/object`));
    await app.close();

    expect(new Set(hits.map(({ status, headers }) => [status, headers['x-cache']].join(' ')))).toEqual(
      new Set(['200 HIT']),
    );
    expect(failures).toEqual([]);
  });
});

it('an answer in place of a failure is kept, unless the decorator says of no result that it is not', async () => {
  const Excused = () =>
    UseInterceptors({ intercept: (_, next) => next.handle().pipe(catchError(() => of({ excuse: true }))) });
  @Controller('excused')
  class Excusing {
    @Get('kept')
    @Excused()
    @Cached({ ttl: 60, prefix: 'kept' })
    kept() {
      throw new Error('failed');
    }

    @Get('left')
    @Excused()
    @Cached({ ttl: 60, prefix: 'left', unless: (result) => result === undefined })
    left() {
      throw new Error('failed');
    }
  }
  const { app, url } = await startCachedApp({ controllers: [Excusing] });
  const statusOf = async (path: string) => {
    const { headers } = await fetch(`${url}/excused/${path}`);
    await app.get(CacheService).settle();
    return headers.get('x-cache');
  };

  const kept = [await statusOf('kept'), await statusOf('kept')];
  const left = [await statusOf('left'), await statusOf('left')];
  await app.close();

  expect(kept).toEqual(['MISS', 'HIT']);
  expect(left).toEqual(['MISS', 'MISS']);
});

it('a trailer that a handler has Fastify send comes with each answer: what has one is not kept', async () => {
  const { app, url } = await startCachedApp({ controllers: [ResultsController] });

  for (let n = 0; n < 2; n++) {
    const { headers } = await rawRequest(`${url}/results/trailer`);
    await app.get(CacheService).settle();

    expect([headers['x-cache'], headers.trailer?.trim()]).toEqual(['MISS', 'x-sum']);
    expect(headers['cache-status']).toBe('ai-native; fwd=miss; detail=header');
  }
  await app.close();
});

it('a trailer that a run sets behind the answer is noticed, and goes nowhere', async () => {
  handled = 0;
  const clock = new FakeClock();
  const { app, url } = await startCachedApp({ controllers: [ResultsController], options: { clock } });
  const ask = async () => {
    const { headers, text } = await rawRequest(`${url}/results/trailer`);
    await app.get(CacheService).settle();
    return [headers['x-cache'], headers.trailer, text];
  };
  hasTrailers = false;
  await ask();
  hasTrailers = true;
  clock.advance(50_000);

  // Due, and refreshed behind it; the next one is not due again so soon.
  for (let n = 0; n < 2; n++) expect(await ask()).toEqual(['HIT', undefined, '{"run":1}']);
  expect(handled).toBe(2);
  await app.close();
});

describe('outside of HTTP', () => {
  it.each(['rpc', 'ws', 'graphql'])('the cache’s guard and interceptor step aside: %s', async (type) => {
    const { app } = await startCachedApp({ controllers: [ResultsController] });
    const context = {
      getType: () => type,
      getClass: () => Person,
      getHandler: () => people,
      getArgs: () => [undefined, undefined],
    } as unknown as ExecutionContext;

    const isLetIn = app.get(CacheDoor).canActivate(context);
    const value = await lastValueFrom(app.get(CacheLoader).intercept(context, { handle: () => of('value') }));
    await app.close();

    expect([isLetIn, value]).toEqual([true, 'value']);
  });
});
