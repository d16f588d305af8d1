import { randomUUID } from 'node:crypto';
import {
  type CallHandler,
  Controller,
  createParamDecorator,
  type ExecutionContext,
  Get,
  type INestApplication,
  Injectable,
  type NestInterceptor,
  NotFoundException,
  Param,
  ParseIntPipe,
  Res,
  UseInterceptors,
} from '@nestjs/common';
import { map, type Observable } from 'rxjs';
import { Cached, CacheService, type CacheModuleEvent } from '../../src/cache/index.js';
import { resolveOptions } from '../../src/cache/resolve-options.js';
import { FakeClock } from '../../src/cache/testing/index.js';
import { adapters, startCachedApp } from '../support/cached-app.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { pollUntil, required } from '../support/processes.js';
import { rawRequest } from '../support/raw-request.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { peopleOfTwoCourses } from '../support/two-courses.js';

interface Response {
  header: (name: string, value: string) => unknown;
}

let source: string;
let made: string[];

const CurrentUser = createParamDecorator((_: unknown, context: ExecutionContext) =>
  userOf(context.switchToHttp().getRequest()),
);

function userOf({ headers }: { headers: Record<string, unknown> }): string {
  return String(headers['x-user']);
}

@Injectable()
class Dressed implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((value: object) => ({ ...value, isDressed: true })));
  }
}

@Controller('audited')
class AuditedController {
  @Get('own/:id')
  @UseInterceptors(Dressed)
  @Cached({ ttl: 60, scope: 'user', prefix: 'own', tags: ['thing:{id}'], store: { headers: ['link'] } })
  own(
    @Param('id', ParseIntPipe) id: number,
    @CurrentUser() user: string,
    @Res({ passthrough: true }) response: Response,
  ) {
    made.push(`${id + 1} for ${user}`);
    response.header('link', `</${source}>`);
    return { id, user, source };
  }

  @Get('timed/:id')
  @Cached<AuditedController['timed']>({
    ttl: 60,
    prefix: 'timed',
    tags: ['thing:{id}'],
    audit: ({ at: _, ...rest }) => rest,
  })
  timed(@Param('id') id: string) {
    made.push(id);
    return { id, at: made.length, source };
  }

  @Get('sought/:id')
  @Cached<AuditedController['sought']>({
    ttl: 60,
    prefix: 'sought',
    tags: ['thing:{id}'],
    negativeTtl: 5,
    refreshAhead: 1,
    audit: ({ kind }) => kind.toUpperCase(),
  })
  sought(@Param('id') id: string) {
    made.push(id);
    if (source === 'nothing') throw new NotFoundException(`no ${id}`);
    return { id, kind: source };
  }

  @Get('untagged/:id')
  @Cached({ ttl: 60, prefix: 'untagged' })
  untagged(@Param('id') id: string) {
    made.push(id);
    return { id, source };
  }
}

@Injectable()
class Prices {
  @Cached<Prices['price']>({ ttl: 60, prefix: 'price', tags: ['price:{0}'] })
  async price(id: string) {
    made.push(id);
    return Promise.resolve({ since: new Date(0), source });
  }
}

describe.each(Object.keys(adapters) as (keyof typeof adapters)[])('audits on %s', (adapter) => {
  let app: INestApplication;
  let url: string;
  let clock: FakeClock;
  let events: CacheModuleEvent[];

  beforeEach(async () => {
    [source, made, events, clock] = ['first', [], [], new FakeClock()];
    ({ app, url } = await startCachedApp({
      adapter,
      controllers: [AuditedController],
      providers: [Prices],
      options: {
        clock,
        auditRate: 1,
        principal: userOf,
        principalDecorators: [CurrentUser],
        onEvent: (event) => events.push(event),
      },
    }));
  });

  afterEach(() => app.close());

  const settle = () => app.get(CacheService).settle();
  const ask = (path: string) => rawRequest(`${url}/audited/${path}`, { headers: { 'x-user': 'ada' } });

  /** Lets an audit look, and look again where that is needed. */
  async function audit(): Promise<void> {
    for (const ms of [100, 200]) {
      clock.advance(ms);
      await settle();
    }
  }

  function counts(prefix: string): unknown {
    const { audits, auditsWrong } = app.get(CacheService).stats().prefixes.get(prefix)!;
    return { audits: audits.get(100), wrong: auditsWrong.get(100) };
  }

  it('run all of a route as a miss does, for the caller of the hit, whose answer knows nothing of it', async () => {
    await ask('own/1');
    await settle();
    const unsampled = await ask('own/1');
    await audit();
    const hit = await ask('own/1');
    await audit();

    expect(made).toEqual(['2 for ada', '2 for ada', '2 for ada']);
    expect(counts('own')).toEqual({ audits: 2, wrong: 0 });
    expect([hit.status, hit.text]).toEqual([200, '{"id":1,"user":"ada","source":"first","isDressed":true}']);
    expect(hit.headers).toEqual({ ...unsampled.headers, date: hit.headers.date });
    expect([hit.headers['x-cache'], hit.headers.link]).toEqual(['HIT', '</first>']);
  });

  it('find what a route would say now, and say which and when, but of nobody', async () => {
    await ask('own/1');
    await settle();
    await ask('own/1');
    source = 'second';
    await audit();

    expect(counts('own')).toEqual({ audits: 1, wrong: 1 });
    expect(made).toHaveLength(3);
    expect((await ask('own/1')).text).toContain('first');
    const told = events.find(({ event }) => event === 'cache.audit_wrong');
    expect(told).toMatchObject({ subject: { prefix: 'own' }, afterMs: 100 });
  });

  it('find nothing when what changed was invalidated', async () => {
    await ask('own/1');
    await settle();
    await ask('own/1');
    source = 'second';
    await app.get(CacheService).invalidate('thing:1');
    await audit();

    expect(counts('own')).toEqual({ audits: 1, wrong: 0 });
  });

  it('compare what the route says is to be compared', async () => {
    await ask('timed/1');
    await settle();
    await ask('timed/1');
    await audit();
    expect(counts('timed')).toEqual({ audits: 1, wrong: 0 });

    source = 'second';
    await ask('timed/1');
    await audit();
    expect(counts('timed')).toEqual({ audits: 2, wrong: 1 });
  });

  it('look at a kept 404, too, which its caller gets', async () => {
    source = 'nothing';
    await ask('sought/1');
    await settle();
    const kept = await ask('sought/1');
    await audit();
    const right = counts('sought');
    await ask('sought/1');
    source = 'there';
    await audit();

    expect([kept.status, kept.headers['x-cache'], kept.text]).toEqual([
      404,
      'HIT',
      expect.stringContaining('no 1'),
    ]);
    expect(right).toEqual({ audits: 1, wrong: 0 });
    expect(counts('sought')).toEqual({ audits: 2, wrong: 1 });
  });

  it('leave alone what names no tags', async () => {
    await ask('untagged/1');
    await settle();
    await ask('untagged/1');
    await audit();

    expect(made).toHaveLength(1);
  });

  it('run methods of providers, and what is given to getOrSet', async () => {
    const cache = app.get(CacheService);
    const getOrSet = () => cache.getOrSet('k', { ttl: 60, tags: ['thing:1'] }, () => source);
    const both = () => Promise.all([app.get(Prices).price('a'), getOrSet()]);
    await both();
    await settle();
    await app.get(Prices).price('a');
    source = 'second';
    await audit();
    expect(counts('price')).toEqual({ audits: 1, wrong: 1 });

    await getOrSet();
    await audit();
    expect(counts('default')).toEqual({ audits: 1, wrong: 1 });
    expect(await both()).toEqual([{ since: new Date(0), source: 'first' }, 'first']);
  });

  it('do not keep an application from ending', async () => {
    await ask('own/1');
    await settle();
    await ask('own/1');
    await app.close();
    clock.advance(10_000);

    expect(made).toHaveLength(1);
  });
});

it('audits at the default rate find within a thousand hits what was changed behind the back of the cache', async () => {
  const clock = new FakeClock();
  [source, made] = ['first', []];
  const { app } = await startCachedApp({
    providers: [Prices],
    options: { clock, auditRate: resolveOptions({}).auditRate },
  });
  const [prices, cache] = [app.get(Prices), app.get(CacheService)];
  await prices.price('a');
  await cache.settle();
  source = 'second';

  for (let n = 0; n < 1000; n++) await prices.price('a');
  for (const ms of [100, 200]) {
    clock.advance(ms);
    await cache.settle();
  }

  const { hits, auditsWrong } = cache.stats().prefixes.get('price')!;
  expect([hits, auditsWrong.get(100)]).toEqual([1000, 1]);
  await app.close();
});

describe('audits of the service', () => {
  const course = '/api/v3/analytics/courses/PROG-101';
  let database: TestDatabase;
  let app: TestApp;

  beforeAll(async () => {
    database = await createTestDatabase();
    await peopleOfTwoCourses(database.dataSource);
  });

  afterEach(() => app.close());

  afterAll(() => database.drop());

  async function start(env: Record<string, string> = {}): Promise<void> {
    app = await startTestApp({
      env: {
        DATABASE_URL: database.url,
        REDIS_URL: required('TEST_REDIS_URL'),
        CACHE_NAMESPACE: `audit-${randomUUID()}:`,
        ...env,
      },
    });
    await app.request.get(course).expect('x-cache', 'MISS');
    await app.app.get(CacheService).settle();
  }

  /** Of all times that looks were made at. */
  async function metric(name: string): Promise<number> {
    const { text } = await app.request.get('/metrics').expect(200);
    const lines = [...text.matchAll(new RegExp(`^${name}\\{prefix="course_analytics",.*\\} (\\d+)$`, 'gm'))];
    return lines.reduce((sum, [, value]) => sum + Number(value), 0);
  }

  it('find soon what was changed behind the back of the cache', async () => {
    await start({ CACHE_AUDIT_RATE: '0.02' });
    await database.dataSource.query(`UPDATE courses SET name = 'Renamed' WHERE code = 'PROG-101'`);

    let sent = 0;
    const isFound = async () => (await metric('cache_audit_wrong_total')) > 0;
    while (sent < 1000 && !(await isFound())) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(app.url + course)));
      await Promise.all(answers.map((answer) => answer.text()));
      sent += answers.length;
    }
    // The last look at what was taken comes after 10 s.
    await pollUntil(isFound, 15_000);
  });

  it('find nothing while everything is written through the service', async () => {
    await start({ CACHE_AUDIT_RATE: '1' });
    let rounds = 0;
    let name = '';

    await pollUntil(async () => {
      if (rounds++ % 5 === 0) {
        name = `Name ${rounds}`;
        await app.request.patch('/api/v3/courses/PROG-101').send({ name }).expect(200);
      }
      const { body } = await app.request.get(course).expect(200);
      expect(body.course_name).toBe(name);
      return (await metric('cache_audits_total')) >= 3;
    }, 20_000);

    expect(await metric('cache_audit_wrong_total')).toBe(0);
  });
});
