import type { EventEmitter } from 'node:events';
import { get } from 'node:http';
import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  ForbiddenException,
  Get,
  Inject,
  type INestApplication,
  Injectable,
  type NestInterceptor,
  NotFoundException,
  Param,
  Res,
  Scope,
  ServiceUnavailableException,
  UseInterceptors,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { defer, from, fromEvent, takeUntil, tap, type Observable } from 'rxjs';
import { Cached, type CacheEvent, CacheService } from '../../src/cache/index.js';
import { expectBypass, expectHit, expectStale, FakeClock } from '../../src/cache/testing/index.js';
import { adapters, startCachedApp } from '../support/cached-app.js';
import { deferred, turn, type Deferred } from '../support/deferred.js';
import { pollUntil } from '../support/processes.js';
import { rawRequest, type RawAnswer } from '../support/raw-request.js';

interface Response {
  status: (code: number) => unknown;
  header: (name: string, value: string) => unknown;
  raw?: Response;
  setHeader: (name: string, value: string) => unknown;
  removeHeader: (name: string) => unknown;
}

let runs = 0;
let gate: Deferred<void> | undefined;
let failure: Error | undefined;
let isFull = false;
let late: unknown[] = [];
let sending: Deferred<void> | undefined;

/** As a plugin does that signs answers, or writes them down. */
function sendsSlowly(fastify: FastifyInstance): void {
  fastify.addHook('onSend', async (_, __, payload) => {
    await sending?.promise;
    return payload;
  });
}

/** All that one can do to a response, on either adapter. */
function meddle(response: Response, mark: string): void {
  const raw = response.raw ?? response;
  try {
    response.header(`x-${mark}`, 'yes');
    raw.setHeader(`x-raw-${mark}`, 'yes');
    raw.setHeader('set-cookie', `${mark}=1`);
    raw.removeHeader('x-cache');
    response.status(418);
    late.push(mark);
  } catch (error) {
    late.push(error);
  }
}

@Injectable()
class RefusesSome implements NestInterceptor {
  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
    await gate?.promise;
    if (headers['x-refused']) throw new ForbiddenException();
    return next.handle();
  }
}

@Injectable()
class MeddlesAfterwards implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const response = context.switchToHttp().getResponse<Response>();
    return next.handle().pipe(
      tap(() => {
        if (gate) meddle(response, 'interceptor');
      }),
    );
  }
}

@Injectable()
class EndsWithItsClient implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const response = context.switchToHttp().getResponse<{ raw?: EventEmitter } & EventEmitter>();
    return next.handle().pipe(takeUntil(fromEvent(response.raw ?? response, 'close')));
  }
}

@Injectable()
class Limited {
  @Cached({ ttl: 60, prefix: 'limited_value', hardTimeout: 3 })
  async value(): Promise<number> {
    const run = ++runs;
    await gate?.promise;
    return run;
  }
}

@Controller('behind')
class BehindController {
  constructor(private readonly limits: Limited) {}

  @Get('unkept')
  async unkept() {
    return { value: await this.limits.value() };
  }

  @Get('refreshed/:id')
  @Cached({ ttl: 60, prefix: 'refreshed', store: { headers: ['link'] } })
  async refreshed(@Param('id') id: string, @Res({ passthrough: true }) response: Response) {
    const run = ++runs;
    await gate?.promise;
    if (failure) throw failure;
    response.header('Link', `</${id}>; rel="next"`);
    if (id === 'with-cookie' && run > 2) response.header('set-cookie', 'a=1');
    return { id, run };
  }

  @Get('forgiving/:id')
  @Cached({ ttl: 60, prefix: 'forgiving', grace: '10m', tags: ['thing:{id}'] })
  async forgiving(@Param('id') id: string) {
    const run = ++runs;
    await gate?.promise;
    if (failure) throw failure;
    return { id, run };
  }

  @Get('sought/:id')
  @Cached({ ttl: 60, prefix: 'sought', grace: '10m', negativeTtl: 5, mayBypass: () => true })
  sought(@Param('id') id: string) {
    const run = ++runs;
    if (id === 'nothing') throw new NotFoundException(`nothing in run ${run}`);
    return { id, run };
  }

  @Get('impatient/:id')
  @UseInterceptors(MeddlesAfterwards)
  @Cached({ ttl: 60, prefix: 'impatient', grace: '10m', softTimeout: 2 })
  async impatient(@Param('id') id: string, @Res({ passthrough: true }) response: Response) {
    const run = ++runs;
    if (gate) meddle(response, 'before');
    await gate?.promise;
    if (gate) meddle(response, 'after');
    return { id, run };
  }

  @Get('at-once')
  @Cached({ ttl: 60, prefix: 'at_once', grace: '10m', softTimeout: 0 })
  async atOnce() {
    const run = ++runs;
    await gate?.promise;
    return { run };
  }

  @Get('limited/:id')
  @Cached({ ttl: 60, prefix: 'limited', hardTimeout: 3 })
  async limited(@Param('id') id: string, @Res({ passthrough: true }) response: Response) {
    const run = ++runs;
    if (id === 'meddling') meddle(response, 'before');
    await gate?.promise;
    if (id === 'meddling') meddle(response, 'after');
    return { id, run };
  }

  @Get('slow/:id')
  @Cached({ ttl: 60, prefix: 'slow' })
  async slow(@Param('id') id: string) {
    const run = ++runs;
    await gate?.promise;
    return { id, run };
  }

  @Get('observed')
  @Cached({ ttl: 60, prefix: 'observed' })
  observed() {
    const run = ++runs;
    return defer(() => from((gate?.promise ?? Promise.resolve()).then(() => ({ run }))));
  }

  @Get('refusing')
  @UseInterceptors(RefusesSome)
  @Cached({ ttl: 60, prefix: 'refusing', grace: '10m' })
  refusing() {
    return { run: ++runs };
  }

  @Get('until-closed')
  @UseInterceptors(EndsWithItsClient)
  @Cached({ ttl: 60, prefix: 'until_closed' })
  async untilClosed() {
    const run = ++runs;
    await gate?.promise;
    return { run };
  }

  @Get('leader')
  @Cached({ ttl: 60, prefix: 'leader' })
  async leader(@Res({ passthrough: true }) response: Response) {
    const run = ++runs;
    await gate?.promise;
    response.header('set-cookie', `session=${run}`);
    return { run };
  }
}

@Injectable({ scope: Scope.REQUEST })
class WhoAsks {
  constructor(@Inject(REQUEST) private readonly request: { url: string }) {}

  get path(): string {
    return this.request.url;
  }
}

@Controller('scoped')
class ScopedController {
  constructor(private readonly who: WhoAsks) {}

  @Get(':id')
  @Cached({ ttl: 60, prefix: 'scoped', grace: '10m', softTimeout: 1, key: ({ params }) => params })
  async scoped() {
    const run = ++runs;
    await gate?.promise;
    return { path: this.who.path, run };
  }
}

describe.each(Object.keys(adapters) as (keyof typeof adapters)[])('behind the answers on %s', (adapter) => {
  let app: INestApplication;
  let url: string;
  let clock: FakeClock;
  let events: CacheEvent['event'][];

  beforeEach(async () => {
    runs = 0;
    gate = undefined;
    failure = undefined;
    isFull = false;
    late = [];
    events = [];
    clock = new FakeClock();
    ({ app, url } = await startCachedApp({
      adapter,
      controllers: [BehindController, ScopedController],
      providers: [WhoAsks, Limited],
      options: {
        clock,
        onEvent: ({ event }) => void events.push(event as CacheEvent['event']),
        admission: () => {
          if (isFull) throw new ServiceUnavailableException();
        },
      },
      configure: (made) => {
        if (adapter === 'fastify') sendsSlowly(made.getHttpAdapter().getInstance() as FastifyInstance);
      },
    }));
  });

  afterEach(async () => {
    gate?.resolve();
    await app.get(CacheService).settle();
    await app.close();
  });

  const ask = (path: string): Promise<RawAnswer> => rawRequest(`${url}/${path}`);
  const settle = () => app.get(CacheService).settle();

  async function settled(path: string): Promise<RawAnswer> {
    const answer = await ask(path);
    await settle();
    return answer;
  }

  const until = (condition: () => boolean) => pollUntil(condition, 10_000);

  function seen({ status, headers, text }: RawAnswer): unknown[] {
    return [status, headers['x-cache'], text];
  }

  it('an entry that will soon expire is replaced, once for all who ask', async () => {
    await settled('behind/refreshed/a');
    clock.advance(50_000);
    gate = deferred();

    const due = await Promise.all(Array.from({ length: 10 }, () => ask('behind/refreshed/a')));
    await until(() => runs === 2);
    const meanwhile = await ask('behind/refreshed/a');
    gate.resolve();
    await settle();
    const after = await ask('behind/refreshed/a');

    for (const answer of [...due, meanwhile]) {
      expect(seen(answer)).toEqual([200, 'HIT', '{"id":"a","run":1}']);
      expect(answer.headers.age).toBe('50');
      expect(answer.headers.link).toBe('</a>; rel="next"');
    }
    expect(seen(after)).toEqual([200, 'HIT', '{"id":"a","run":2}']);
    expect([after.headers.age, after.headers.link]).toEqual(['0', '</a>; rel="next"']);
    expect(runs).toBe(2);
  });

  it('a kept 404 that will soon expire is replaced as well, behind another', async () => {
    await settled('behind/sought/nothing');
    clock.advance(4500);
    const due = await settled('behind/sought/nothing');
    const after = await settled('behind/sought/nothing');

    expect(seen(due)).toEqual([404, 'HIT', expect.stringContaining('run 1')]);
    expect(seen(after)).toEqual([404, 'HIT', expect.stringContaining('run 2')]);
    expect(after.headers.age).toBe('0');
    expect(runs).toBe(2);
  });

  it('an entry is also replaced behind a 304, however long that takes to be sent', async () => {
    const first = await settled('behind/refreshed/a');
    clock.advance(50_000);
    sending = deferred();
    const headers = { 'if-none-match': first.headers.etag! };
    const due = rawRequest(`${url}/behind/refreshed/a`, { headers });
    await until(() => runs === 2);
    await turn();
    sending.resolve();
    sending = undefined;

    expect((await due).status).toBe(304);
    expect(seen(await settled('behind/refreshed/a'))).toEqual([200, 'HIT', '{"id":"a","run":2}']);
  });

  it('a refresh that fails or sets a cookie costs nobody anything', async () => {
    await settled('behind/refreshed/a');
    await settled('behind/refreshed/with-cookie');
    clock.advance(50_000);
    failure = new Error('no');
    const failed = await settled('behind/refreshed/a');
    failure = undefined;
    const unstored = await settled('behind/refreshed/with-cookie');

    expect([seen(failed)[1], seen(unstored)[1]]).toEqual(['HIT', 'HIT']);
    expect(unstored.headers['set-cookie']).toBeUndefined();
    expect(runs).toBe(4);
    expect(seen(await ask('behind/refreshed/with-cookie'))[2]).toBe('{"id":"with-cookie","run":2}');
    expect(events).toContain('cache.refresh_failed');
  });

  it('a stale answer covers a failure, and says so', async () => {
    const first = await settled('behind/forgiving/a');
    clock.advance(90_000);
    failure = new Error('the database is away');

    const stale = await settled('behind/forgiving/a');

    expect(seen(stale)).toEqual([200, 'STALE', first.text]);
    expect(stale.headers['cache-status']).toMatch(/^ai-native; fwd=stale; ttl=-3\d$/);
    expect([stale.headers.age, stale.headers['cache-control']]).toEqual(['90', 'public, no-cache']);
    expect(stale.headers.etag).toBe(first.headers.etag);
    const { status } = await rawRequest(`${url}/behind/forgiving/a`, {
      headers: { 'if-none-match': first.headers.etag ?? '' },
    });
    expect(status).toBe(304);
  });

  it('after a failure the stale answer is given for a second without asking the method, and says so', async () => {
    const first = await settled('behind/forgiving/a');
    clock.advance(90_000);
    failure = new Error('the database is away');
    await settled('behind/forgiving/a');

    failure = undefined;
    clock.advance(999);
    const stale = await settled('behind/forgiving/a');
    expect(seen(stale)).toEqual([200, 'STALE', first.text]);
    expect(stale.headers['cache-status']).toMatch(/^ai-native; hit; ttl=-3\d$/);
    expect(runs).toBe(2);
    clock.advance(1);

    expect(seen(await settled('behind/forgiving/a'))).toEqual([200, 'MISS', '{"id":"a","run":3}']);
  });

  it('a stale answer is no cover for what the client did wrong, nor for an invalidation, nor beyond its grace', async () => {
    for (const id of ['a', 'b', 'c']) await settled(`behind/forgiving/${id}`);
    clock.advance(90_000);
    await app.get(CacheService).invalidate('thing:b');

    failure = new NotFoundException();
    expect((await settled('behind/forgiving/a')).status).toBe(404);
    failure = new Error('no');
    expect((await settled('behind/forgiving/b')).status).toBe(500);
    clock.advance(700_000);
    expect((await settled('behind/forgiving/c')).status).toBe(500);
  });

  it('a new answer after its TTL says that the old one was stale', async () => {
    await settled('behind/forgiving/a');
    clock.advance(90_000);

    const renewed = await settled('behind/forgiving/a');

    expect(seen(renewed)).toEqual([200, 'MISS', '{"id":"a","run":2}']);
    expect(renewed.headers['cache-status']).toBe('ai-native; fwd=stale; stored');
  });

  it('a run that takes too long goes on, and can do nothing to the stale answer', async () => {
    const first = await settled('behind/impatient/a');
    clock.advance(90_000);
    gate = deferred();

    const asked = ask('behind/impatient/a');
    await until(() => runs === 2);
    clock.advance(2000);
    const stale = await asked;
    gate.resolve();
    await settle();

    expect(seen(stale)).toEqual([200, 'STALE', first.text]);
    expect(Object.keys(stale.headers).sort()).toEqual([...Object.keys(first.headers), 'age'].sort());
    expect([stale.headers.age, stale.headers['cache-status']]).toEqual([
      '92',
      'ai-native; fwd=stale; ttl=-32',
    ]);
    expect(late).toEqual(['before', 'after', 'interceptor']);
  });

  it('a run that takes too long is stored when it is done', async () => {
    await settled('behind/at-once');
    clock.advance(60_000);
    gate = deferred();

    const asked = ask('behind/at-once');
    await until(() => runs === 2);
    clock.advance(0);
    const stale = await asked;
    gate.resolve();
    await settle();

    expect(seen(stale)).toEqual([200, 'STALE', '{"run":1}']);
    expectStale(stale);
    expect([stale.headers.age, stale.headers['cache-status']]).toEqual([
      '60',
      'ai-native; fwd=stale; ttl=-1',
    ]);
    expect(seen(await ask('behind/at-once'))).toEqual([200, 'HIT', '{"run":2}']);
  });

  it('what belongs to the request lives as long as the run', async () => {
    await settled('scoped/a');
    clock.advance(90_000);
    gate = deferred();

    const asked = ask('scoped/a');
    await until(() => runs === 2);
    clock.advance(1000);
    const stale = await asked;
    gate.resolve();
    await settle();

    expect(seen(stale)).toEqual([200, 'STALE', '{"path":"/scoped/a","run":1}']);
    expect(seen(await ask('scoped/a'))).toEqual([200, 'HIT', '{"path":"/scoped/a","run":2}']);
  });

  it.each(['quiet', 'meddling'])('after the hard timeout it is 504, and a %s run goes on', async (id) => {
    gate = deferred();
    const asked = ask(`behind/limited/${id}`);
    await until(() => runs === 1);
    clock.advance(3000);
    const timedOut = await asked;
    gate.resolve();
    await settle();

    expect([timedOut.status, JSON.parse(timedOut.text)]).toEqual([
      504,
      { message: 'Gateway Timeout', statusCode: 504 },
    ]);
    expect(timedOut.headers['set-cookie']).toBeUndefined();
    expect(timedOut.headers['x-before']).toBeUndefined();
    expect(late).toEqual(id === 'meddling' ? ['before', 'after'] : []);
    await ask(`behind/limited/${id}`);
    expect(runs).toBe(id === 'meddling' ? 2 : 1);
  });

  it('a method of a provider that takes too long is 504 on a route that is not cached itself', async () => {
    gate = deferred();
    const asked = ask('behind/unkept');
    await until(() => runs === 1);
    clock.advance(3000);
    const { status, text } = await asked;

    expect([status, JSON.parse(text)]).toEqual([504, { message: 'Gateway Timeout', statusCode: 504 }]);
  });

  it.each(['slow/a', 'observed'])('a run is stored when the client has gone meanwhile: %s', async (path) => {
    gate = deferred();
    const gone = new Promise((resolve) => {
      const outgoing = get(`${url}/behind/${path}`, { agent: false }).on('error', resolve);
      void until(() => runs === 1).then(() => outgoing.destroy(new Error('gone')));
    });
    await gone;
    gate.resolve();
    await until(() => events.includes('cache.loaded'));
    await settle();

    expect(seen(await ask(`behind/${path}`))[1]).toBe('HIT');
    expect(runs).toBe(1);
  });

  it('who waits for a run that ended with its client has one of their own', async () => {
    gate = deferred();
    const outgoing = get(`${url}/behind/until-closed`, { agent: false });
    const gone = new Promise((resolve) => outgoing.on('error', resolve));
    await until(() => runs === 1);
    const waiting = ask('behind/until-closed');
    await until(() => events.filter((event) => event === 'cache.miss').length === 2);
    outgoing.destroy(new Error('gone'));
    await gone;
    await until(() => runs === 2);
    gate.resolve();

    const { status, text } = await waiting;
    expect([status, JSON.parse(text)]).toEqual([200, { run: 2 }]);
  });

  it('who waits for a run that sets a cookie runs themselves', async () => {
    gate = deferred();
    const asked = Array.from({ length: 3 }, () => ask('behind/leader'));
    await until(() => events.filter((event) => event === 'cache.miss').length === 3);
    gate.resolve();

    const answers = await Promise.all(asked);

    expect(answers.map(({ headers }) => headers['set-cookie']?.[0]).sort()).toEqual([
      'session=1',
      'session=2',
      'session=3',
    ]);
    for (const { headers, text } of answers)
      expect(`session=${JSON.parse(text).run}`).toBe(headers['set-cookie']?.[0]);
  });

  it('who waits for a run that was refused has one of their own, with all the others', async () => {
    gate = deferred();
    const refused = rawRequest(`${url}/behind/refusing`, { headers: { 'x-refused': 'yes' } });
    await until(() => events.includes('cache.miss'));
    const asked = Array.from({ length: 3 }, () => ask('behind/refusing'));
    await until(() => events.filter((event) => event === 'cache.miss').length === 4);
    gate.resolve();

    expect((await refused).status).toBe(403);
    const answers = await Promise.all(asked);

    expect(answers.map(({ status, text }) => [status, text])).toEqual(answers.map(() => [200, '{"run":1}']));
    await settle();
    expectHit(await ask('behind/refusing'));
  });

  it('a run that the application does not admit is refused before it begins; hits, and who shares a run, are served', async () => {
    await settled('behind/forgiving/kept');
    gate = deferred();
    const running = ask('behind/forgiving/new');
    await until(() => runs === 2);
    isFull = true;
    const shared = ask('behind/forgiving/new');
    await until(() => events.filter((event) => event === 'cache.miss').length === 3);

    const [kept, refused] = [await ask('behind/forgiving/kept'), await ask('behind/forgiving/other')];
    const headers = { authorization: 'Bearer one' };
    const past = await rawRequest(`${url}/behind/forgiving/kept`, { headers });
    gate.resolve();
    const answers = [await running, await shared];

    expect([kept.status, kept.headers['x-cache']]).toEqual([200, 'HIT']);
    expect([refused.status, refused.headers['x-cache']]).toEqual([503, 'MISS']);
    expect([past.status, past.headers['x-cache']]).toEqual([503, 'BYPASS']);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(runs).toBe(2);

    clock.advance(90_000);
    failure = new Error('the database is away');
    expectStale(await settled('behind/forgiving/kept'));
  });

  it('nobody has a run of their own that the application does not admit: not by asking anew, nor for an expired 404', async () => {
    await settled('behind/sought/kept');
    await settled('behind/sought/nothing');
    isFull = true;
    const anew = await rawRequest(`${url}/behind/sought/kept`, { headers: { 'cache-control': 'no-cache' } });
    clock.advance(6000);
    const expired = await ask('behind/sought/nothing');

    expect([anew.status, anew.headers['x-cache']]).toEqual([503, 'MISS']);
    expect([expired.status, expired.headers['x-cache']]).toEqual([503, 'MISS']);
    expect(runs).toBe(2);
  });

  it('a cache that is switched off: each run is to be admitted', async () => {
    const other = await startCachedApp({
      adapter,
      controllers: [BehindController],
      providers: [Limited],
      options: {
        enabled: false,
        admission: () => {
          throw new ServiceUnavailableException();
        },
      },
    });
    const { status, headers } = await rawRequest(`${other.url}/behind/sought/a`);
    await other.app.close();

    expect([status, headers['x-cache'], runs]).toEqual([503, 'BYPASS', 0]);
  });

  it('the store is away: what is too much waits, and is 503 with Retry-After when it has waited too long', async () => {
    const events: string[] = [];
    const other = await startCachedApp({
      adapter,
      controllers: [BehindController],
      providers: [Limited],
      options: {
        clock,
        redis: { url: 'redis://127.0.0.1:1' },
        // Not asked: the bulkhead decides.
        admission: () => {
          throw new ServiceUnavailableException();
        },
        onEvent: ({ event }) => void events.push(event),
      },
    });
    gate = deferred();
    const asked = Array.from({ length: 40 }, (_, id) => rawRequest(`${other.url}/behind/slow/${id}`));
    await until(() => events.filter((event) => event === 'cache.fallback').length === 40 && runs === 32);
    clock.advance(2500);
    gate.resolve();

    const answers = await Promise.all(asked);
    await other.app.close();

    const refused = answers.filter(({ status }) => status === 503);
    expect([refused.length, answers.filter(({ status }) => status === 200).length]).toEqual([8, 32]);
    for (const { headers } of refused) expect(headers['retry-after']).toBe('1');
    answers.forEach(expectBypass);
  });
});
