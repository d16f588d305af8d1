import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { mintToken } from '../../src/access/mint-token.js';
import { readEnvironment } from '../../src/config/read-environment.js';
import { CacheService } from '../../src/cache/index.js';
import { expectHit, expectMiss } from '../../src/cache/testing/index.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startFaultProxy } from '../support/fault-proxy.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { peopleOfTwoCourses } from '../support/two-courses.js';

let database: TestDatabase;
let app: TestApp;

beforeAll(async () => {
  database = await createTestDatabase();
  await peopleOfTwoCourses(database.dataSource);
  app = await startTestApp({ env: { DATABASE_URL: database.url } });
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

beforeEach(async () => {
  await app.app.get(CacheService).clear();
});

describe('GET /api/v3/system/stats', () => {
  it('has the original’s five fields and ours, and is a hit the second time', async () => {
    const first = await app.request.get('/api/v3/system/stats').expect(200).expect(expectMiss);
    const second = await app.request.get('/api/v3/system/stats').expect(200).expect(expectHit);

    expect(first.body).toEqual({
      total_users: 14,
      total_sessions: 2,
      total_attempts: 2,
      sessions_today: expect.any(Number),
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      active_users_24h: expect.any(Number),
      open_sessions: 2,
      total_courses: 2,
      total_enrollments: 17,
      total_events: 0,
      total_events_exact: true,
      users_by_role: { student: 8, teacher: 5, admin: 1 },
    });
    expect(second.text).toBe(first.text);
  });

  it('is one entry, whatever undeclared parameters come with it', async () => {
    await app.request.get('/api/v3/system/stats').expect(expectMiss);

    await app.request.get('/api/v3/system/stats?utm_source=mail').expect(expectHit);
  });

  it('is computed anew after a write that it counts', async () => {
    await app.request.get('/api/v3/system/stats').expect(200);

    await app.request
      .post('/api/v3/users')
      .send({ user_id: `STU-${randomUUID()}`, role: 'student' })
      .expect(201);

    const { body } = await app.request.get('/api/v3/system/stats').expect(expectMiss);
    expect(body.users_by_role.student).toBe(9);
  });
});

describe('a hit', () => {
  it('costs no query, not even for the caller’s rights', async () => {
    const env = { DATABASE_URL: database.url, AUTH_JWT_SECRET: 'a-secret-of-this-test-and-nothing-else' };
    const guarded = await startTestApp({ env });
    const token = await mintToken(readEnvironment(env), { role: 'admin', sub: 'ADMIN001', ttl: '1h' });
    const stats = () =>
      guarded.request.get('/api/v3/system/stats').set('authorization', `Bearer ${token}`).expect(200);
    const query = jest.spyOn(Client.prototype, 'query');

    // Rights are asked for again every second, so a request in the wrong moment costs a query rightly.
    const queriesOfHits: number[] = [];
    for (let attempt = 0; attempt < 5; attempt += 1) {
      await stats();
      query.mockClear();
      await stats().expect(expectHit);
      queriesOfHits.push(query.mock.calls.length);
    }

    query.mockRestore();
    await guarded.close();
    expect(queriesOfHits).toContain(0);
    expect(Math.max(...queriesOfHits)).toBeLessThanOrEqual(1);
  });
});

describe('GET /api/v3/system/info', () => {
  it('tells what runs here, and no address', async () => {
    const { body, text } = await app.request.get('/api/v3/system/info').expect(200);

    expect(body).toMatchObject({
      app_name: 'ai-native-backend',
      debug_mode: false,
      features: { analytics: true, student_tutor: false, teacher_tools: true, authentication: false },
      configuration: { database: 'PostgreSQL', cache: 'memory', llm_provider: null },
    });
    expect(text).not.toContain(new URL(database.url).host);
  });
});

describe('GET /api/v3/system/health/detailed', () => {
  it('is healthy without Redis when none is configured', async () => {
    const { body } = await app.request.get('/api/v3/system/health/detailed').expect(200);

    expect(body).toMatchObject({
      status: 'healthy',
      components: {
        database: { status: 'healthy', type: 'PostgreSQL' },
        redis: {
          status: 'not_configured',
          url: null,
          connected_clients: null,
          used_memory: null,
          hit_rate: null,
        },
        llm: { status: 'not_configured', provider: null },
      },
    });
  });
});

describe('without Redis', () => {
  it('redis/stats shows nulls beside the cache’s own figures', async () => {
    // They count from its start on.
    const other = await startTestApp({ env: { DATABASE_URL: database.url } });
    await other.request.get('/api/v3/system/stats').expect(expectMiss);
    await other.request.get('/api/v3/system/stats').expect(expectHit);
    await other.request.get('/api/v3/system/stats').expect(expectHit);

    const { body } = await other.request.get('/api/v3/system/redis/stats').expect(200);
    await other.close();

    expect(body).toMatchObject({ status: 'not_configured', cache: { store: 'memory' } });
    const { connected, ...figures } = body.redis_stats as Record<string, unknown>;
    expect(connected).toBe(false);
    expect(Object.keys(figures)).toHaveLength(11);
    expect(Object.values(figures).every((figure) => figure === null)).toBe(true);
    const own = (body.cache.prefixes as { prefix: string }[]).find(({ prefix }) => prefix === 'system_stats');
    expect(own).toMatchObject({ hits: 2, misses: 1, stores: 1, errors: 0, bypasses: 0, hit_ratio: 0.6667 });
  });

  it('redis/test says how to configure it', async () => {
    const { body } = await app.request.post('/api/v3/system/redis/test').expect(503);

    expect(body).toMatchObject({
      code: 'redis_not_configured',
      detail: expect.stringContaining('REDIS_URL'),
    });
  });
});

describe('while the database is away', () => {
  it('stats are a problem that is not kept, and health names the part that is missing', async () => {
    const way = await startFaultProxy(database.url);
    const behindProxy = await startTestApp({ env: { DATABASE_URL: way.url } });
    await way.refuse();

    const stats = await behindProxy.request.get('/api/v3/system/stats').expect(503);
    expect(stats.body).toMatchObject({ code: 'database_unavailable' });
    expect(stats.text).not.toContain('127.0.0.1');
    const sick = await behindProxy.request.get('/api/v3/system/health/detailed').expect(503);
    expect(sick.body).toMatchObject({
      status: 'unhealthy',
      components: { database: { status: 'unhealthy' } },
    });

    await way.restore();
    await behindProxy.request.get('/api/v3/system/stats').expect(200).expect(expectMiss);
    const well = await behindProxy.request.get('/api/v3/system/health/detailed').expect(200);
    expect(well.body.status).toBe('healthy');
    await behindProxy.close();
    await way.close();
  });
});
