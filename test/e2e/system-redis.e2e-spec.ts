import { createClient } from 'redis';
import { expectHit, expectMiss } from '../../src/cache/testing/index.js';
import { figure } from '../support/figures.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { pollUntil, startRedis, type RedisProcess } from '../support/processes.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

const password = 's3cr3t-CANARY';
const healthPath = '/api/v3/system/health/detailed';
const statsPath = '/api/v3/system/redis/stats';
const testPath = '/api/v3/system/redis/test';

let database: TestDatabase;
let redis: RedisProcess;
let app: TestApp;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(async () => {
  redis = await startRedis({ password });
  // A busy machine must not look like a slow Redis.
  const env = { DATABASE_URL: database.url, REDIS_URL: redis.url, REDIS_COMMAND_TIMEOUT_MS: '1000' };
  app = await startTestApp({ env });
  await pollUntil(async () => (await app.request.post(testPath)).status === 200, 5000);
});

afterEach(async () => {
  await app.close();
  await redis.stop();
});

const clientOf = (url: string) => createClient({ url });

async function onRedis<T>(command: (client: ReturnType<typeof clientOf>) => Promise<T>): Promise<T> {
  const client = clientOf(redis.adminUrl);
  await client.connect();
  try {
    return await command(client);
  } finally {
    client.destroy();
  }
}

describe('with Redis', () => {
  it('redis/stats shows the server’s figures beside the cache’s own', async () => {
    await app.request.get('/api/v3/system/stats').expect(expectMiss);
    await app.request.get('/api/v3/system/stats').expect(expectHit);

    const { body, text } = await app.request.get(statsPath).expect(200);

    expect(body).toMatchObject({
      status: 'success',
      redis_stats: {
        connected: true,
        version: expect.stringMatching(/^\d+\.\d+/),
        hit_rate: expect.stringMatching(/^\d{1,3}\.\d\d%$/),
      },
      cache: { store: 'redis', topology: 'single', breaker: 'closed', invalidation_errors: 0 },
    });
    const {
      keyspace_hits: hits,
      keyspace_misses: misses,
      hit_ratio: ratio,
    } = body.redis_stats as Record<'keyspace_hits' | 'keyspace_misses' | 'hit_ratio', number>;
    expect(ratio).toBeCloseTo(hits / (hits + misses), 4);
    const own = (body.cache.prefixes as { prefix: string }[]).find(({ prefix }) => prefix === 'system_stats');
    expect(own).toMatchObject({ hits: 1, misses: 1, hit_ratio: 0.5 });
    expect(text).not.toContain(password);
  });

  it('a foreign look-up moves the server’s hit rate and not the cache’s', async () => {
    const before = await app.request.get(statsPath).expect(200);
    await onRedis((client) => Promise.all(Array.from({ length: 100 }, () => client.get('not:ours'))));
    const after = await app.request.get(statsPath).expect(200);

    const misses = ({ body }: typeof before) => body.redis_stats.keyspace_misses as number;
    expect(misses(after) - misses(before)).toBeGreaterThanOrEqual(100);
    expect(after.body.cache.prefixes).toEqual(before.body.cache.prefixes);
  });

  it('redis/test writes, reads and deletes, also ten times at once, and leaves nothing behind', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => app.request.post(testPath)));

    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body).toMatchObject({
        status: 'success',
        operations: { set: true, get: { test: 'success', timestamp: expect.any(String) }, delete: true },
        message: 'Redis is working correctly',
      });
    }
    expect(await onRedis((client) => client.keys('*test:redis*'))).toEqual([]);
  });

  it('health shows where it is, without the password', async () => {
    const { body, text } = await app.request.get(healthPath).expect(200);

    expect(body).toMatchObject({
      status: 'healthy',
      components: {
        redis: {
          status: 'healthy',
          url: `redis://***@127.0.0.1:${redis.port}/0`,
          connected_clients: expect.any(Number),
          used_memory: expect.any(String),
        },
      },
    });
    expect(text).not.toContain(password);
  });
});

describe('redis/test', () => {
  it.each([
    ['writing', '-set', /write a value \(NOPERM\)/],
    ['reading', '-get', /give back the value just written \(NOPERM\)/],
    ['deleting', '-unlink', /delete the value just written \(NOPERM\)/],
    ['a script', '-evalsha', /look up an entry with its tokens, which takes EVALSHA.* \(NOPERM\)/],
    ['looking up', '-mget', /look up an entry with its tokens.* \(NOPERM\)/],
    ['looking at what is kept', '-getrange', /look up an entry with its tokens.* \(NOPERM\)/],
    ['asking for the time that is left', '-pttl', /look up an entry with its tokens.* \(NOPERM\)/],
    [
      'renewing tokens',
      '-pexpire',
      /find the entry that it keeps, which takes EVALSHA, EVAL, PEXPIRE.* \(NOPERM\)/,
    ],
    ['ending a lease', '-del', /take back a lease.* \(NOPERM\)/],
  ])('is no success when only %s fails', async (_, forbidden, detail) => {
    await onRedis((client) => client.sendCommand(['ACL', 'SETUSER', 'default', forbidden]));

    const { body } = await app.request.post(testPath).expect(503);

    expect(body).toMatchObject({ code: 'redis_unavailable', detail: expect.stringMatching(detail) });
  });
});

it('redis/test says that a Redis that is full wrote nothing for that', async () => {
  await onRedis((client) => client.configSet({ maxmemory: '1', 'maxmemory-policy': 'noeviction' }));

  const { body } = await app.request.post(testPath).expect(503);

  expect(body.detail).toContain('write a value (OOM)');
});

it('redis/test tries the rights of the cache’s own keys', async () => {
  await onRedis((client) =>
    client.sendCommand(['ACL', 'SETUSER', 'default', 'resetkeys', '~test:*', '~cache:*', '~lease:*']),
  );

  const { body } = await app.request.post(testPath).expect(503);

  expect(body.detail).toContain('look up an entry with its tokens');
});

describe('while Redis is away', () => {
  it.each(['killed', 'frozen'])('T6: (%s) every endpoint answers soon and truly', async (how) => {
    if (how === 'killed') await redis.kill();
    else redis.freeze();

    for (const ask of [
      () => app.request.get(statsPath).expect(503),
      () => app.request.post(testPath).expect(503),
    ]) {
      const startedAt = performance.now();
      const { body } = await ask();
      expect(body.code).toBe('redis_unavailable');
      figure('T6', `${how}: answer, ms`, performance.now() - startedAt, { atMost: 1000 });
    }
    const health = await app.request.get(healthPath).expect(200);
    expect(health.body).toMatchObject({ status: 'degraded', components: { redis: { status: 'unhealthy' } } });
    await app.request.get('/api/v3/system/stats').expect(200);
    redis.thaw();
  });

  it('it is found again when it is back, without a restart', async () => {
    redis.freeze();
    await app.request.post(testPath).expect(503);
    redis.thaw();

    await pollUntil(async () => (await app.request.post(testPath)).status === 200, 3000);
    const health = await app.request.get(healthPath).expect(200);
    expect(health.body.status).toBe('healthy');
  });
});
