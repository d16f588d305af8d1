import { CacheService, RedisService } from '../../src/cache/index.js';
import { TypeormOutbox } from '../../src/cache/outbox/typeorm.outbox.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { pollUntil, startRedis, type RedisProcess } from '../support/processes.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { peopleOfTwoCourses } from '../support/two-courses.js';

interface Line {
  readonly event?: string;
  readonly level: string;
  readonly message: string;
  readonly prefix?: string;
  readonly reason?: string;
  readonly request_id?: string;
}

let database: TestDatabase;
let way: FaultProxy;
let redis: RedisProcess;
let app: TestApp;
const lines: Line[] = [];

beforeAll(async () => {
  const write = (text: string | Uint8Array) => {
    if (String(text).startsWith('{"time"')) lines.push(JSON.parse(String(text)) as Line);
    return true;
  };
  jest.spyOn(process.stdout, 'write').mockImplementation(write);
  database = await createTestDatabase();
  await peopleOfTwoCourses(database.dataSource);
  way = await startFaultProxy(database.url);
  redis = await startRedis();
  app = await startTestApp({
    env: {
      DATABASE_URL: way.url,
      REDIS_URL: redis.url,
      REDIS_COMMAND_TIMEOUT_MS: '1000',
      LOG_LEVEL: 'debug',
      LOG_FORMAT: 'json',
    },
  });
  await pollUntil(() => app.app.get(CacheService).stats().isAvailable, 5000);
});

afterAll(async () => {
  await app.close();
  await redis.stop();
  await way.close();
  await database.drop();
  jest.restoreAllMocks();
});

const stats = '/api/v3/system/stats';
const json = { 'content-type': 'application/json' };
const eventsOf = (id: string) =>
  lines.filter(({ request_id }) => request_id === id).map(({ event }) => event);
const eventsOfNobody = () =>
  lines.filter(({ request_id }) => request_id === undefined).map(({ event }) => event);

/** Calls in the name of `id`, and waits for what goes on behind the answer. */
async function call(
  id: string,
  method: 'get' | 'post',
  path: string,
  headers: Record<string, string> = {},
  body?: object | string,
): Promise<void> {
  const request = app.request[method](path).set({ ...headers, 'x-request-id': id });
  const { status } = await (body === undefined ? request : request.send(body));
  expect([path, status < 300]).toEqual([path, true]);
  await app.app.get(CacheService).settle();
}

it('tells how the connection to Redis was made, in the name of no request', () => {
  expect(eventsOfNobody()).toEqual(
    expect.arrayContaining([
      'cache.init',
      'cache.connecting',
      'cache.connected',
      'cache.ready',
      'cache.server_info',
    ]),
  );
});

it('tells of a miss and of a hit all that they did, in the name of their requests', async () => {
  await call('miss-1', 'get', stats);
  await call('hit-1', 'get', stats);

  expect(eventsOf('miss-1')).toEqual([
    'cache.key',
    'cache.lookup',
    'cache.miss',
    'stats.fetch',
    'stats.done',
    'cache.stored',
  ]);
  expect(eventsOf('hit-1')).toEqual(['cache.key', 'cache.lookup', 'cache.hit']);
});

it('tells of requests side by side which line is whose', async () => {
  const paths = ['students/STU001', 'students/STU002', 'courses/PROG-101', 'courses/PROG-102'];
  await Promise.all(paths.map((path) => call(path.replace('/', '-'), 'get', `/api/v3/analytics/${path}`)));

  for (const path of paths) {
    const prefix = path.startsWith('courses') ? 'course_analytics' : 'student_risk';
    const own = lines.filter((line) => line.request_id === path.replace('/', '-'));
    expect(own).toContainEqual(expect.objectContaining({ event: 'cache.miss', prefix }));
    expect(own).toContainEqual(expect.objectContaining({ event: 'cache.stored', prefix }));
  }
});

it('tells of writes what they invalidate, in the name of requests whose bodies have been read', async () => {
  await call('user-1', 'post', '/api/v3/users', json, { user_id: 'LOGGED', role: 'student' });
  const event = {
    id: 'b5f0f3a4-6f0a-4b8e-9d0f-2f2a52b9c1aa',
    student_id: 'STU001',
    course_id: 'PROG-101',
    verb: 'viewed',
    occurred_at: '2026-01-01T00:00:00Z',
  };
  await call(
    'batch-1',
    'post',
    '/api/v3/events:batch',
    { 'content-type': 'application/x-ndjson' },
    JSON.stringify(event),
  );

  expect(eventsOf('user-1')).toContain('cache.invalidated');
  expect(eventsOf('batch-1')).toEqual(expect.arrayContaining(['ingest.batch', 'cache.invalidated']));
});

it('tells what operators ask for', async () => {
  await call('test-1', 'post', '/api/v3/system/redis/test');
  await call('health-1', 'get', '/api/v3/system/health/detailed');
  await app.app.get(RedisService).deletePattern('nothing:*');

  expect(eventsOf('test-1')).toEqual(expect.arrayContaining(['cache.selftest', 'cache.set']));
  expect(eventsOf('health-1')).toContain('health.check');
  expect(eventsOfNobody()).toContain('cache.deleted');
});

it('tells once that requests go past the cache, that an invalidation has to wait, and when it waits no longer', async () => {
  await redis.kill();
  await pollUntil(() => app.app.get(RedisService).status() === 'unavailable', 5000);
  // Else the outbox would be asked in the place of Redis.
  const follow = jest
    .spyOn(TypeormOutbox.prototype, 'follow')
    .mockRejectedValue(new Error('it does not tell'));
  for (const id of ['past-1', 'past-2', 'past-3']) await call(id, 'get', stats);
  follow.mockRestore();
  await app.app.get(RedisService).get('anything');
  await call('user-2', 'post', '/api/v3/users', json, { user_id: 'LATER', role: 'student' });

  expect(eventsOfNobody()).toEqual(
    expect.arrayContaining(['cache.reconnecting', 'cache.disabled', 'cache.skip']),
  );
  const fallbacks = lines.filter(({ event }) => event === 'cache.fallback');
  expect(fallbacks).toMatchObject([
    { level: 'warn', message: '⚠️ Falling back to uncached execution', request_id: expect.any(String) },
  ]);
  expect(eventsOf('user-2')).toContain('cache.invalidate_error');

  redis = await startRedis({ port: redis.port });
  await pollUntil(() => eventsOfNobody().includes('cache.invalidated_late'), 10_000);
});

it('tells of a database that is away though only requests find out, in the name of none, and when it is back', async () => {
  const found = (event: string) => lines.filter((line) => line.event === event);
  expect(found('database.away')).toEqual([]);
  await way.refuse();

  const answers = await Promise.all(Array.from({ length: 16 }, () => app.request.get('/api/v3/users')));

  expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(503));
  const away = found('database.away');
  expect(away.length).toBeGreaterThan(0);
  expect(new Set(away.map(({ reason }) => reason)).size).toBe(away.length);
  for (const { level, reason } of away)
    expect([level, reason]).toEqual(['error', expect.stringMatching(/^(E[A-Z]+|disconnected)$/)]);
  await way.restore();
  await pollUntil(() => found('database.back').length > 0, 20_000);
  expect(
    lines.filter(({ event, request_id }) => event?.startsWith('database.') && request_id !== undefined),
  ).toEqual([]);
});

it('tells that it let go of Redis', async () => {
  await app.close();

  expect(eventsOfNobody()).toContain('cache.disconnected');
});
