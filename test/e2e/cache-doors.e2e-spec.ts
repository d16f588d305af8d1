import {
  type CanActivate,
  Controller,
  createParamDecorator,
  type ExecutionContext,
  Get,
  Header,
  Headers,
  type INestApplication,
  Injectable,
  NotFoundException,
  Param,
  ParseIntPipe,
  Query,
  Req,
  Res,
  StreamableFile,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { of } from 'rxjs';
import { Cached, CacheService } from '../../src/cache/index.js';
import { CacheDoor } from '../../src/cache/http/cache-door.guard.js';
import { adapters, settledIn, startCachedApp } from '../support/cached-app.js';
import { PlainClient } from '../support/plain-client.js';
import { deferred, turn, type Deferred } from '../support/deferred.js';
import { expectHit, expectMiss, FakeClock } from '../../src/cache/testing/index.js';

interface Call {
  status: number;
  text: string;
  type: string | null;
  cache: string | null;
  headers: Headers;
}

let runs: Record<string, number> = {};
let gate: Deferred<void> | undefined;
let asked: string[] = [];
let keyFailures: string[] = [];
let unstoredFor: string[] = [];

function ran(name: string): number {
  return (runs[name] = (runs[name] ?? 0) + 1);
}

type KeyInputs = Record<string, unknown>;

const oddKeys: Record<string, () => unknown> = {
  late: () => Promise.resolve({ kind: 'a' }),
  date: () => ({ at: new Date() }),
  none: () => undefined,
  failing: () => {
    throw new Error('no key');
  },
};

@Injectable()
class NeedsToken implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    ran('guard');
    const request = context.switchToHttp().getRequest<{ headers: Record<string, string>; user?: string }>();
    request.user = request.headers['x-user'] ?? '';
    return request.user !== '';
  }
}

const CurrentUser = createParamDecorator(
  (_: undefined, context: ExecutionContext) => context.switchToHttp().getRequest<{ user: string }>().user,
);

/** One parameter in many writings; adapters and proxies do not agree on what they say. */
const cloaks = [
  ...['', 'id=1', 'id=2', 'id=1&id=2', 'id=2&id=1', 'id=1;id=2', 'id[]=2', 'id[]=1&id[]=2', 'id[0]=2'],
  ...['id[a]=2', 'id.a=2', 'ID=2', 'Id=1', 'id=1%00', 'id%00=2', '%69d=1', 'i%64=2', 'id=%31', 'id', 'id='],
  ...[';id=2', 'x;id=2', '&id=1', '&&id=2&', 'utm_source=x&id=1', 'id=1&utm_source=2', '?id=2', 'id=1?id=2'],
  ...['id+=2', '+id=1', 'id=+1', 'id=1+', 'id=%E0%A4%A', '%=1&id=2', '__proto__[id]=2', 'constructor=2'],
];

/** Spellings of one address each: escapes of what needs none, and digits in either case; also with a host before them. */
const spellings = [
  ['a-1?x=b', '%61-1?x=b', 'a%2D1?x=b', 'a%2d1?x=%62', '%61%2d%31?%78=%62'],
  ['_.~', '%5f%2E%7e', '%5F%2e%7E'],
  ['%C3%A9%20', '%c3%a9%20', '%C3%a9%20'],
  ['a%2Fb', 'a%2fb', '%61%2F%62'],
  ['%2573', '%25%37%33'],
] as const;

/** Addresses of which each is another to the router or the handler, or might be. */
const otherAddresses = [
  ...[
    's',
    '%2573',
    '%252573',
    'a%2Fb',
    'a/b',
    'a%252Fb',
    'a%3Fb',
    'a?b',
    'a%26b',
    'a&b',
    'a%3Db',
    'a=b',
    'a%2Bb',
    'a+b',
  ],
  ...[
    'a%20b',
    'a%23b',
    'a%25b',
    'a%3Bb',
    'a;b',
    'a%3Ab',
    'a:b',
    'a%21b',
    'a!b',
    'S',
    '%E9',
    '%',
    'a%2',
    '%zz',
    '%%37%33',
  ],
] as const;

@Controller('open')
class OpenController {
  @Get('named/:id')
  @Cached({ ttl: 60, prefix: 'named' })
  named(@Param('id') id: string) {
    return { id };
  }

  @Get('named-now/:id')
  namedNow(@Param('id') id: string) {
    return this.named(id);
  }

  @Get('as-sent/:id')
  @Cached({ ttl: 60, prefix: 'as_sent', key: () => ({}) })
  asSent(@Req() request: { url: string }) {
    return { url: request.url };
  }

  @Get('plain/:id')
  @Cached({ ttl: 60, prefix: 'plain' })
  plain(@Param('id') id: string, @Query('x') x?: string) {
    return { id, x: x ?? null, run: ran('plain') };
  }

  @Get('typed/:id')
  @Cached({ ttl: 60, prefix: 'typed' })
  typed(@Param('id', ParseIntPipe) id: number) {
    return { id, run: ran('typed') };
  }

  @Get('language')
  @Cached({ ttl: 60, prefix: 'language' })
  language(@Headers('Accept-Language') language: string) {
    return { language, run: ran('language') };
  }

  @Get('outer/:id')
  @Cached<OpenController['outer']>({
    ttl: 60,
    prefix: 'outer',
    tags: [
      (args) => {
        asked.push(args[0]);
        return [];
      },
    ],
  })
  outer(@Param('id') id: string) {
    return { id, inner: this.plain('inner') };
  }

  @Get('steady')
  @Cached({ ttl: 60, prefix: 'steady' })
  steady() {
    return { always: 'the same' };
  }

  @Get('observed')
  @Cached({ ttl: 60, prefix: 'observed' })
  observed() {
    return of({ run: ran('observed') });
  }

  @Get('headed')
  @Header('X-Fixed', 'yes')
  @Cached({ ttl: 60, prefix: 'headed' })
  headed() {
    return [ran('headed')];
  }

  @Get('sets-header')
  @Cached({ ttl: 60, prefix: 'sets_header' })
  setsHeader(@Res({ passthrough: true }) response: { header: (name: string, value: string) => void }) {
    response.header('x-run', String(ran('setsHeader')));
    return { run: runs.setsHeader };
  }

  @Get('missing/:id')
  @Cached({ ttl: 60, prefix: 'missing' })
  async missing(@Param('id') id: string) {
    ran('missing');
    await gate?.promise;
    throw new NotFoundException(`no ${id}`);
  }

  @Get('missing-named/:id')
  @Cached({ ttl: 60, prefix: 'missing_named', grace: 60, tags: [(_, result) => [`named:${String(result)}`]] })
  async missingNamed(@Param('id') id: string) {
    ran('missing_named');
    await gate?.promise;
    throw new NotFoundException(`no ${id}`);
  }

  @Get('seen')
  @Cached({ ttl: 60, prefix: 'seen' })
  seen(@Query('id') id: unknown) {
    return { id: id ?? null };
  }

  @Get('seen-now')
  seenNow(@Query('id') id: unknown) {
    return this.seen(id);
  }

  @Get('slow/:id')
  @Cached({ ttl: 60, prefix: 'slow' })
  async slow(@Param('id') id: string) {
    const run = ran('slow');
    await gate?.promise;
    return { id, run };
  }

  @Get('text')
  @Cached({ ttl: 60, prefix: 'text' })
  text() {
    return `run ${ran('text')}`;
  }

  @Get('file')
  @Cached({ ttl: 60, prefix: 'file' })
  file() {
    return new StreamableFile(Buffer.from(`run ${ran('file')}`));
  }

  @Get('slow-file')
  @Cached({ ttl: 60, prefix: 'slow_file' })
  async slowFile() {
    await gate?.promise;
    return new StreamableFile(Buffer.from('file'));
  }

  @Get('created')
  @Cached({ ttl: 60, prefix: 'created' })
  created(@Res({ passthrough: true }) response: { status: (code: number) => void }) {
    response.status(201);
    return { run: ran('created') };
  }

  @Get('not-for-long')
  @Cached({ ttl: () => 0, prefix: 'not_for_long' })
  notForLong() {
    return { run: ran('notForLong') };
  }

  @Get('odd-tag')
  @Cached({
    ttl: 60,
    prefix: 'odd_tag',
    tags: [
      () => {
        throw new Error('of a decorator');
      },
    ],
  })
  oddTag() {
    return { run: ran('oddTag') };
  }

  @Get('nothing')
  @Cached({ ttl: 60, prefix: 'nothing' })
  nothing() {
    ran('nothing');
    return null;
  }

  @Get('keyed')
  @Cached({ ttl: 60, prefix: 'keyed', key: (request) => ({ kind: request.query.kind }) })
  keyed(@Req() request: { query: { kind?: string } }) {
    return { kind: request.query.kind, run: ran('keyed') };
  }

  @Get('odd-key')
  @Cached({ ttl: 60, prefix: 'odd_key', key: ({ query }) => oddKeys[String(query.kind)]?.() as KeyInputs })
  oddKey() {
    return { run: ran('oddKey') };
  }

  @Get('briefly')
  @Cached<OpenController['briefly']>({ ttl: (result) => result.seconds, prefix: 'briefly' })
  briefly() {
    return { seconds: 30, run: ran('briefly') };
  }

  @Get('sometimes')
  @Cached<OpenController['sometimes']>({ ttl: 60, prefix: 'sometimes', unless: (result) => result.run < 2 })
  sometimes() {
    return { run: ran('sometimes') };
  }
}

@Controller('guarded')
@UseGuards(NeedsToken)
class GuardedController {
  @Get('shared')
  @Cached({ ttl: 60, prefix: 'shared', scope: 'shared' })
  shared() {
    return { run: ran('shared') };
  }

  @Get('mine')
  @Cached({ ttl: 60, prefix: 'mine', scope: 'user' })
  mine(@CurrentUser() user: string) {
    return { user, run: ran('mine') };
  }

  // The decorators' order must not matter: the door goes last all the same.
  @Cached({ ttl: 60, prefix: 'own_guard', scope: 'shared' })
  @UseGuards(NeedsToken)
  @Get('own-guard')
  ownGuard() {
    return { run: ran('ownGuard') };
  }
}

const options = {
  principal: (request: object) => {
    const { user } = request as { user: string };
    // As an async function would.
    return user === 'late' ? (Promise.resolve(user) as never) : user;
  },
  principalDecorators: [CurrentUser],
};

describe.each(Object.keys(adapters) as (keyof typeof adapters)[])('cached routes on %s', (adapter) => {
  let app: INestApplication;
  let url: string;
  let clock: FakeClock;

  beforeEach(async () => {
    runs = {};
    clock = new FakeClock();
    gate = undefined;
    asked = [];
    keyFailures = [];
    unstoredFor = [];
    ({ app, url } = await startCachedApp({
      adapter,
      controllers: [OpenController, GuardedController],
      options: {
        ...options,
        clock,
        onEvent: (event) => {
          if (event.event === 'cache.key_failed') keyFailures.push(`${event.method} ${event.reason}`);
          if (event.event === 'cache.no_store') unstoredFor.push(event.header ?? event.reason);
        },
      },
    }));
  });

  afterEach(() => app.close());

  async function call(path: string, init: RequestInit = {}): Promise<Call> {
    const response = await fetch(url + path, init);
    const text = await response.text();
    await app.get(CacheService).settle();
    const { headers } = response;
    return {
      status: response.status,
      text,
      type: headers.get('content-type'),
      cache: headers.get('x-cache'),
      headers,
    };
  }

  async function twice(path: string, init?: RequestInit): Promise<[Call, Call]> {
    return [await call(path, init), await call(path, init)];
  }

  function misses(prefix: string): number | undefined {
    return app.get(CacheService).stats().prefixes.get(prefix)?.misses;
  }

  it('send on a hit the very bytes and type of the miss', async () => {
    const [miss, hit] = await twice('/open/plain/a?x=1');

    expect([miss.cache, hit.cache]).toEqual(['MISS', 'HIT']);
    expect([hit.status, hit.text, hit.type]).toEqual([miss.status, miss.text, miss.type]);
    expect(hit.text).toBe('{"id":"a","x":"1","run":1}');
    expect(hit.headers.get('cache-control')).toBe('public, no-cache');
  });

  it('A6: keep apart what the handler declares, and nothing else', async () => {
    await call('/open/plain/a?x=1');

    expectHit(await call('/open/plain/a?x=1&utm=2'));
    expectMiss(await call('/open/plain/a?x=2'));
    expectMiss(await call('/open/plain/b?x=1'));
    expectMiss(await call('/open/plain/a'));
    expectMiss(await call('/open/plain/a?x=1&x=2'));
  });

  it('A6: answer each way of writing a parameter as the handler itself would, whoever asked before', async () => {
    const client = new PlainClient(url);
    const ask = (path: string, query: string, body?: string) =>
      client.send({
        path: `/open/${path}?${query}`,
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
        body,
      });
    const truth = new Map<string, string | undefined>();
    for (const query of cloaks) truth.set(query, (await ask('seen-now', query)).text);

    // In opposite orders: each kept answer is there when the others come.
    for (const queries of [cloaks, cloaks, [...cloaks].reverse()]) {
      for (const query of queries) {
        const { text } = await ask('seen', query);
        expect([query, text]).toEqual([query, truth.get(query)]);
      }
    }
    const fat = await ask('seen', '', '{"id":"2"}');
    expect([fat.headers['x-cache'], fat.text]).toEqual(['HIT', truth.get('')]);
    const tagged = await ask('seen', 'utm_source=x&id=1');
    expect([tagged.headers['x-cache'], tagged.text]).toEqual(['HIT', truth.get('id=1')]);
    expect(new Set(truth.values()).size).toBeGreaterThan(4);
    client.close();
  });

  it.each(spellings)('A22: have one entry, however their address is written: %s', async (...written) => {
    const client = new PlainClient(url);
    const ask = (path: string) => settledIn(app, client.send({ path }));
    const first = await ask(`/open/plain/${written[0]}`);
    expect(first.headers['x-cache']).toBe('MISS');

    for (const address of written) {
      for (const origin of ['', 'http://one.example', 'HTTP://me@other.example:80']) {
        const { headers, text } = await ask(`${origin}/open/plain/${address}`);
        expect([origin, address, headers['x-cache'], text]).toEqual([origin, address, 'HIT', first.text]);
      }
    }
    client.close();
  });

  it('A22: have one entry, however a router that decodes what it compares is asked', async () => {
    const client = new PlainClient(url);
    const ask = (path: string) => settledIn(app, client.send({ path }));
    await ask('/open/plain/a');

    const { status, headers } = await ask('/%6fpen/%70lain/a');

    expect([status, headers['x-cache']]).toEqual(adapter === 'fastify' ? [200, 'HIT'] : [404, undefined]);
    client.close();
  });

  it('A6: share it with no other address, whoever asked before', async () => {
    const client = new PlainClient(url);
    const ask = (path: string) => settledIn(app, client.send({ path: `/open/${path}` }));
    const told = ({ status, body }: Awaited<ReturnType<typeof ask>>) => [
      status,
      (body as { id?: string }).id,
    ];

    for (const address of otherAddresses) {
      const truth = told(await ask(`named-now/${address}`));
      const [miss, hit] = [await ask(`named/${address}`), await ask(`named/${address}`)];
      expect([address, told(miss), told(hit)]).toEqual([address, truth, truth]);
      const outcomes = [miss.headers['x-cache'], hit.headers['x-cache']];
      const isFound = miss.status === 200;
      expect([address, ...outcomes]).toEqual([
        address,
        ...(isFound ? ['MISS', 'HIT'] : [undefined, undefined]),
      ]);
    }
    client.close();
  });

  it('A6: are told apart as they were sent where the handler may read that', async () => {
    const client = new PlainClient(url);
    for (const path of ['/open/as-sent/a', '/open/as-sent/%61', '/open/as-sent/%2f', '/open/as-sent/%2F']) {
      for (const outcome of ['MISS', 'HIT']) {
        const { headers, body } = await settledIn(app, client.send({ path }));
        expect([headers['x-cache'], body]).toEqual([outcome, { url: path }]);
      }
    }
    client.close();
  });

  it('keep declared headers apart', async () => {
    const de = { headers: { 'accept-language': 'de' } };
    await call('/open/language', de);

    expectMiss(await call('/open/language', { headers: { 'accept-language': 'en' } }));
    expectHit(await call('/open/language', de));
  });

  it('take their inputs from the key function where they read the request itself', async () => {
    await call('/open/keyed?kind=a');

    expect((await call('/open/keyed?kind=b')).text).toBe('{"kind":"b","run":2}');
    expectHit(await call('/open/keyed?kind=a&other=1'));
  });

  it('are not cached for requests for which there is no key', async () => {
    for (const kind of Object.keys(oddKeys)) {
      const [first, second] = await twice(`/open/odd-key?kind=${kind}`);
      expect([first.status, first.cache, second.cache]).toEqual([200, 'BYPASS', 'BYPASS']);
      expect(second.headers.get('cache-status')).toBe('ai-native; fwd=bypass; detail=no-key');
    }
    const late = await call('/guarded/mine', { headers: { 'x-user': 'late' } });

    expect([late.cache, late.headers.get('cache-control')]).toEqual(['BYPASS', 'private, no-cache']);
    expect(keyFailures).toEqual([
      ...['CACHE_UNSERIALISABLE', 'CACHE_UNSERIALISABLE', 'CACHE_UNSERIALISABLE', 'Error'].flatMap(
        (reason) => [`OpenController.oddKey ${reason}`, `OpenController.oddKey ${reason}`],
      ),
      'GuardedController.mine CACHE_UNSERIALISABLE',
    ]);
  });

  it('never store what a pipe refuses', async () => {
    const [first, second] = await twice('/open/typed/abc');

    expect([first.status, second.status, second.cache]).toEqual([400, 400, 'MISS']);
    expect((await call('/open/typed/7')).text).toBe('{"id":7,"run":1}');
  });

  it('cache what an Observable gives', async () => {
    const [, hit] = await twice('/open/observed');

    expect([hit.cache, hit.text]).toEqual(['HIT', '{"run":1}']);
  });

  it('answer HEAD without a body', async () => {
    const get = await call('/open/plain/a');

    const head = await call('/open/plain/a', { method: 'HEAD' });

    expect([head.status, head.text, head.cache]).toEqual([200, '', 'HIT']);
    expect(head.headers.get('content-length')).toBe(String(get.text.length));
  });

  it('A26: give miss and hit the same ETag, and answer 304 to who holds it, without the handler', async () => {
    const [miss, hit] = await twice('/open/plain/a');
    const etag = miss.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    expect(hit.headers.get('etag')).toBe(etag);

    for (const held of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await call('/open/plain/a', { headers: { 'if-none-match': held } });
      expect([again.status, again.text, again.cache, again.headers.get('etag')]).toEqual([
        304,
        '',
        'HIT',
        etag,
      ]);
      expect(again.headers.get('cache-control')).toBe('public, no-cache');
    }
    for (const held of ['"other"', etag.slice(1, -1), 'x'.repeat(5000)]) {
      expect((await call('/open/plain/a', { headers: { 'if-none-match': held } })).status).toBe(200);
    }
    expect(runs.plain).toBe(1);
  });

  it('answer 304 also when the handler had to run and its answer is what the client holds', async () => {
    const { headers } = await call('/open/steady');
    await app.get(CacheService).invalidate('steady:*');

    const again = await call('/open/steady', { headers: { 'if-none-match': headers.get('etag') ?? '' } });

    expect([again.status, again.text, again.cache]).toEqual([304, '', 'MISS']);
  });

  it('say in Cache-Status what happened, and how old the answer is', async () => {
    const [miss, hit] = await twice('/open/plain/a');
    clock.advance(12_400);
    const later = await call('/open/plain/a');

    expect(miss.headers.get('cache-status')).toBe('ai-native; fwd=miss; stored');
    expect(hit.headers.get('cache-status')).toBe('ai-native; hit; ttl=60');
    expect(later.headers.get('cache-status')).toBe('ai-native; hit; ttl=48');
    expect([miss.headers.get('age'), later.headers.get('age')]).toEqual([null, '12']);
    expect((await call('/open/typed/abc')).headers.get('cache-status')).toBe('ai-native; fwd=miss');
  });

  it('A5: name the headers of their key in Vary', async () => {
    const [miss, hit] = await twice('/open/language', { headers: { 'accept-language': 'de' } });

    for (const { headers } of [miss, hit]) {
      expect(headers.get('vary')).toBe('accept-encoding, accept-language');
    }
    expect((await call('/open/plain/a')).headers.get('vary')).toBe('accept-encoding');
  });

  it('carry the headers of @Header on hits too', async () => {
    const [miss, hit] = await twice('/open/headed');

    expect([miss.headers.get('x-fixed'), hit.headers.get('x-fixed'), hit.cache]).toEqual([
      'yes',
      'yes',
      'HIT',
    ]);
  });

  it('A25: do not store an answer whose handler set a header', async () => {
    const [first, second] = await twice('/open/sets-header');

    expect([first.headers.get('x-run'), second.headers.get('x-run'), second.cache]).toEqual([
      '1',
      '2',
      'MISS',
    ]);
  });

  it.each(['/open/text', '/open/file', '/open/nothing'])(
    'pass through what is no JSON object: %s',
    async (path) => {
      const [first, second] = await twice(path);

      expect([first.status, second.status, second.cache]).toEqual([200, 200, 'MISS']);
      expect(second.type).toBe(first.type);
    },
  );

  it.each([
    ['/open/file', 'fwd=miss; detail=not-plain'],
    ['/open/text', 'fwd=miss; detail=not-plain'],
    ['/open/nothing', 'fwd=miss; detail=not-plain'],
    ['/open/sets-header', 'fwd=miss; detail=header'],
    ['/open/created', 'fwd=miss; detail=status'],
    ['/open/not-for-long', 'fwd=miss; detail=no-ttl'],
    ['/open/sometimes', 'fwd=miss; detail=unless'],
    ['/open/odd-tag', 'fwd=miss; detail=rule-failed'],
  ])('say why they are not stored: %s', async (path, expected) => {
    const { headers } = await call(path);

    expect(headers.get('cache-status')).toBe(`ai-native; ${expected}`);
  });

  it('tell the name of the header that is not stored', async () => {
    await call('/open/sets-header');

    expect(unstoredFor).toEqual(['x-run']);
  });

  it('say so to each of those who waited for one run', async () => {
    gate = deferred();
    const callers = [call('/open/slow-file'), call('/open/slow-file')];
    await until(() => misses('slow_file') === 2);
    gate.resolve();

    for (const { status, headers, text } of await Promise.all(callers)) {
      expect([status, text]).toEqual([200, 'file']);
      expect(headers.get('cache-status')).toBe('ai-native; fwd=miss; detail=not-plain');
    }
  });

  it('say that what was computed before a newer write is not stored', async () => {
    gate = deferred();
    const asking = call('/open/slow/late');
    await until(() => misses('slow') === 1);
    await app.get(CacheService).invalidate('slow:late:*');
    gate.resolve();

    expect((await asking).headers.get('cache-status')).toBe('ai-native; fwd=miss; detail=newer-write');
  });

  it('never store an error; waiting callers share one run and get answers of their own', async () => {
    gate = deferred();
    const callers = Array.from({ length: 5 }, () => call('/open/missing/x'));
    await until(() => misses('missing') === 5);
    gate.resolve();

    expect((await Promise.all(callers)).map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
    expect(runs.missing).toBe(1);
    await call('/open/missing/x');
    expect(runs.missing).toBe(2);
  });

  it('share what is not there also where the result would name its tags, but not from before an invalidation', async () => {
    const path = '/open/missing-named/x';
    gate = deferred();
    const callers = Array.from({ length: 5 }, () => call(path));
    await until(() => misses('missing_named') === 5);
    gate.resolve();

    expect((await Promise.all(callers)).map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
    expect(runs.missing_named).toBe(1);

    gate = deferred();
    const early = call(path);
    await until(() => runs.missing_named === 2);
    await app.get(CacheService).invalidate('named:x');
    const late = call(path);
    await until(() => misses('missing_named') === 7);
    gate.resolve();
    expect([(await early).status, (await late).status]).toEqual([404, 404]);
    expect(runs.missing_named).toBe(3);
  });

  it('run once for many callers of a cold key', async () => {
    gate = deferred();
    const callers = Array.from({ length: 40 }, () => call('/open/slow/x'));
    await until(() => misses('slow') === 40);
    gate.resolve();

    expect(new Set((await Promise.all(callers)).map(({ text }) => text))).toEqual(
      new Set(['{"id":"x","run":1}']),
    );
  });

  it('let a function of the result decide how long, and whether, it is kept', async () => {
    const [, hit] = await twice('/open/briefly');
    expectHit(hit);

    await twice('/open/sometimes');
    expectHit(await call('/open/sometimes'));
    expect(runs.sometimes).toBe(2);
  });

  it('tell a tag function their own arguments, whatever other cached handlers they call', async () => {
    await call('/open/outer/own');

    expect(asked).toEqual(['own']);
  });

  it('A3: let every guard speak before the cache is asked', async () => {
    const ada = { headers: { 'x-user': 'ada' } };
    await call('/guarded/shared', ada);
    await call('/guarded/own-guard', ada);

    expect((await call('/guarded/shared')).status).toBe(403);
    expect((await call('/guarded/own-guard')).status).toBe(403);
    expectHit(await call('/guarded/shared', { headers: { 'x-user': 'grace' } }));
    expectHit(await call('/guarded/own-guard', ada));
  });

  it('A1: never give one user what belongs to another', async () => {
    await call('/guarded/mine', { headers: { 'x-user': 'ada' } });

    const other = await call('/guarded/mine', { headers: { 'x-user': 'grace' } });

    expect([other.cache, other.text]).toEqual(['MISS', '{"user":"grace","run":2}']);
    expect((await call('/guarded/mine', { headers: { 'x-user': 'ada' } })).text).toBe(
      '{"user":"ada","run":1}',
    );
  });

  it('do not remember requests that were answered from the cache', async () => {
    await call('/open/plain/x');
    const door = app.get(CacheDoor);
    const context = hitContext(adapter, OpenController, 'plain', '/open/plain/x', { id: 'x' });
    const hits = async (count: number) => {
      for (let n = 0; n < count; n++) {
        // As Nest does: somebody awaits the guard, and nobody holds on to it.
        void (async () => await door.canActivate(context()))();
        if (n % 1000 === 0) await turn();
      }
      // The last ones are answered at the end of theirs.
      await turn();
      await app.get(CacheService).settle();
    };
    await hits(2000);
    const before = heapInUse();

    await hits(100_000);

    // A promise that remembers who waits for it costs about 5 kB a request.
    expect(heapInUse() - before).toBeLessThan(5_000_000);
    expect(app.get(CacheService).stats().prefixes.get('plain')?.hits).toBe(102_000);
  });
});

/** What Nest hands to a guard, with a response that takes anything. */
function hitContext(
  adapter: keyof typeof adapters,
  controller: Type,
  handler: string,
  url: string,
  params: Record<string, string>,
): () => ExecutionContext {
  const request = { method: 'GET', url, params, query: {}, headers: {} };
  const nothing = () => undefined;
  const response = {
    getHeader: nothing,
    setHeader: nothing,
    end: nothing,
    ...(adapter === 'fastify' && { raw: {}, request: {}, header: nothing, status: nothing, send: nothing }),
  };
  const method = (controller.prototype as Record<string, object>)[handler];
  const context = {
    getClass: () => controller,
    getHandler: () => method,
    getType: () => 'http',
    getArgs: () => [request, response],
  };
  return () => ({ ...context }) as unknown as ExecutionContext;
}

function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > end) throw new Error('waited 5 s in vain');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
