import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { Client } from 'pg';
import { ask } from '../support/ask-redis.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { figure } from '../support/figures.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { freePort, pollUntil, type RedisProcess, required, startRedis } from '../support/processes.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { waitsForLock } from '../support/watched-statements.js';
import { CacheService } from '../../src/cache/index.js';
import { DatabasePing } from '../../src/database/database-ping.js';
import { ShutdownState } from '../../src/health/shutdown-state.js';

describe('health', () => {
  let database: TestDatabase;
  let way: FaultProxy;
  let redis: RedisProcess;
  let service: TestApp;

  const status = async (path: string) => (await service.request.get(path)).status;
  const becomes = (path: string, wanted: number, withinMs: number) =>
    pollUntil(async () => (await status(path)) === wanted, withinMs);

  beforeAll(async () => {
    database = await createTestDatabase();
    way = await startFaultProxy(database.url);
    redis = await startRedis();
    service = await startTestApp({ env: { DATABASE_URL: way.url, REDIS_URL: redis.url } });
    await pollUntil(async () => (await service.request.get('/health')).body.status === 'healthy', 20_000);
  });

  afterAll(async () => {
    await service.close();
    await redis.stop();
    await way.close();
    await database.drop();
  });

  it('answers in the shape of the original, and is never kept by a cache', async () => {
    const answer = await service.request.get('/health');

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      status: 'healthy',
      version: '0.1.0',
      architecture: expect.any(String),
      checks: { database: 'ok', redis: 'ok' },
    });
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('asks the database once for all who ask at the same moment', async () => {
    const ping = service.app.get(DatabasePing);
    await ping.isAnswering();
    const asked = jest.spyOn(Client.prototype, 'query');
    try {
      const answers = await Promise.all(Array.from({ length: 10 }, () => ping.isAnswering()));
      const questions = asked.mock.calls.filter(([text]) => (text as unknown) === 'SELECT 1');

      expect(answers).toEqual(Array(10).fill(true));
      expect(questions).toHaveLength(1);
    } finally {
      asked.mockRestore();
    }
  });

  it.each(['live', 'ready', 'startup'])('tells a probe its status and nothing else: %s', async (probe) => {
    const answer = await service.request.get(`/health/${probe}`);

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ status: 'ok' });
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it.each(['refused', 'hung'])('turns 503 while the database is %s, and recovers by itself', async (how) => {
    if (how === 'hung') way.silence();
    else await way.refuse();
    await becomes('/health', 503, 20_000);

    const overview = await service.request.get('/health');
    expect(overview.body).toMatchObject({
      status: 'unhealthy',
      checks: { database: 'unavailable', redis: 'ok' },
    });
    expect(await status('/health/live')).toBe(200);
    expect(await status('/health/startup')).toBe(200);
    const ready = await service.request.get('/health/ready');
    expect([ready.status, ready.body]).toEqual([200, { status: 'degraded' }]);

    await way.restore();
    await becomes('/health', 200, 20_000);
  });

  it('stays ready on the connections it has when the database has none left for a probe', async () => {
    const role = `role_${process.pid}`;
    await database.dataSource.query(`CREATE ROLE ${role} LOGIN PASSWORD 'of-the-tests'`);
    await database.dataSource.query(`GRANT pg_read_all_data, pg_write_all_data TO ${role}`);
    const url = new URL(database.url);
    url.username = role;
    url.password = 'of-the-tests';
    const other = await startTestApp({ env: { DATABASE_URL: url.href } });
    const ofRole = `FROM pg_stat_activity WHERE usename = '${role}'`;
    await database.dataSource.query(`SELECT pg_terminate_backend(pid) ${ofRole}`);
    await pollUntil(async () => (await other.request.get('/api/v3/users')).status === 200, 20_000);
    const [{ pool }] = await database.dataSource.query(`SELECT count(*)::int AS pool ${ofRole}`);
    await database.dataSource.query(`ALTER ROLE ${role} CONNECTION LIMIT ${pool}`);

    const overview = await other.request.get('/health');

    expect([overview.status, overview.body.checks.database]).toEqual([200, 'ok']);
    expect((await other.request.get('/health/ready')).body).toEqual({ status: 'ok' });
    const pings = `${ofRole} AND application_name LIKE '%ping'`;
    expect(await database.dataSource.query(`SELECT 1 ${pings}`)).toEqual([]);
    await other.close();
    await database.dataSource.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  it.each(['refused', 'hung'])('T7: answers requests 503 while the database is %s', async (how) => {
    if (how === 'hung') way.silence();
    else await way.refuse();

    const begunAt = performance.now();
    const answers = await Promise.all(Array.from({ length: 20 }, () => service.request.get('/api/v3/users')));

    figure('T7', `${how}: 20 at once, ms`, performance.now() - begunAt, { atMost: 3000 });
    for (const answer of answers) {
      expect(answer.status).toBe(503);
      expect(answer.body).toMatchObject({ code: 'database_unavailable' });
      expect(answer.headers['retry-after']).toMatch(/^\d+$/);
      expect(answer.text).not.toMatch(/127\.0\.0\.1|ECONN|SELECT|terminated|timeout/i);
    }

    await way.restore();
    await becomes('/api/v3/users', 200, 20_000);
  });

  it('is degraded, and ready, while Redis is away', async () => {
    await redis.kill();
    await pollUntil(async () => (await service.request.get('/health')).body.status === 'degraded', 20_000);

    const overview = await service.request.get('/health');
    expect(overview.status).toBe(200);
    expect(overview.body.checks).toEqual({ database: 'ok', redis: 'unhealthy' });
    const ready = await service.request.get('/health/ready');
    expect([ready.status, ready.body]).toEqual([200, { status: 'degraded' }]);

    redis = await startRedis({ port: redis.port });
    await pollUntil(async () => (await service.request.get('/health')).body.status === 'healthy', 20_000);
  });

  it('is alive and not ready once it has been told to stop, and serves on', async () => {
    const other = await startTestApp({ env: { DATABASE_URL: database.url } });
    other.app.get(ShutdownState, { strict: false }).begin();

    const ready = await other.request.get('/health/ready');

    expect([ready.status, ready.body]).toEqual([503, { status: 'shutting_down' }]);
    expect((await other.request.get('/health/live')).status).toBe(200);
    const users = await other.request.get('/api/v3/users');
    expect([users.status, users.headers.connection]).toEqual([200, 'close']);
    await other.close();
  });
});

it('a request in flight when the service is told to stop is told that its connection closes', async () => {
  const database = await createTestDatabase();
  const service = await startTestApp({ env: { DATABASE_URL: database.url } });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const answerTo = async (path: string) => {
    const [answer] = (await once(get(service.url + path, { agent }), 'response')) as [IncomingMessage];
    answer.resume();
    await once(answer, 'end');
    return [answer.statusCode, answer.headers.connection];
  };
  const locking = database.dataSource.createQueryRunner();
  await locking.startTransaction();
  await locking.query('LOCK TABLE users');

  expect(await answerTo('/health/live')).toEqual([200, 'keep-alive']);
  const inFlight = answerTo('/api/v3/users');
  await pollUntil(() => waitsForLock(database.dataSource, 'SELECT%"users"%'), 10_000);
  service.app.get(ShutdownState, { strict: false }).begin();
  await locking.commitTransaction();
  await locking.release();

  expect(await inFlight).toEqual([200, 'close']);
  expect(await answerTo('/health/live')).toEqual([200, 'close']);
  agent.destroy();
  await service.close();
  await database.drop();
});

describe('a Redis that is of no use to the cache', () => {
  const password = 'of-the-app';
  const rights = required('TEST_REDIS_RIGHTS').split(' ');
  let database: TestDatabase;
  let redis: RedisProcess;
  let way: FaultProxy;
  /** One that is not ready without Redis, and one that is. */
  let service: TestApp;
  let other: TestApp;

  const health = async (of = service) => (await of.request.get('/health')).body;
  const readiness = async (of: TestApp) => {
    const { status, body } = await of.request.get('/health/ready');
    return [status, body];
  };
  const setUser = (...words: string[]) => ask(redis, ['ACL', 'SETUSER', 'app', ...words]);
  const isHealthy = async () =>
    (await health()).status === 'healthy' && (await health(other)).status === 'healthy';

  beforeAll(async () => {
    database = await createTestDatabase();
    redis = await startRedis();
    way = await startFaultProxy(redis.url.replace('//', `//app:${password}@`));
    await setUser('on', `>${password}`, ...rights);
    const env = { DATABASE_URL: database.url, REDIS_URL: way.url, REDIS_COMMAND_TIMEOUT_MS: '300' };
    service = await startTestApp({ env: { ...env, CACHE_REQUIRED: 'true' } });
    other = await startTestApp({ env });
  });

  afterAll(async () => {
    redis.thaw();
    await Promise.all([service.close(), other.close()]);
    await way.close();
    await redis.stop();
    await database.drop();
  });

  beforeEach(async () => {
    redis.thaw();
    await way.restore();
    await setUser('on', 'resetpass', `>${password}`, 'resetkeys', 'resetchannels', ...rights);
    await ask(redis, ['REPLICAOF', 'NO', 'ONE']);
    await ask(redis, ['CONFIG', 'SET', 'maxmemory', '0']);
    await pollUntil(isHealthy, 20_000);
  });

  it.each<[string, string, () => unknown]>([
    ['EVALSHA is forbidden', 'NOPERM', () => setUser('-evalsha')],
    ['MGET is forbidden', 'NOPERM', () => setUser('-mget')],
    ['PTTL is forbidden', 'NOPERM', () => setUser('-pttl')],
    // A script may run, and what it does may not: Redis has no code for that.
    ['SET is forbidden', 'NOPERM|ERR', () => setUser('-set')],
    ['its keys are those of another namespace', 'NOPERM', () => setUser('resetkeys', '~shop:*')],
    ['it is full and may evict nothing', 'OOM', () => ask(redis, ['CONFIG', 'SET', 'maxmemory', '1'])],
    [
      'it hangs',
      'disconnected|timeout',
      () => {
        redis.freeze();
      },
    ],
    [
      'it takes 800 ms for everything',
      'disconnected|timeout',
      () => {
        way.delay(800);
      },
    ],
    // Until it is left, and then nobody is there.
    [
      'it is a replica, which may only be read',
      'READONLY|disconnected',
      () => ask(redis, ['REPLICAOF', '127.0.0.1', '1']),
    ],
    [
      'it does not take the password any more',
      'auth',
      async () => {
        await setUser('resetpass', '>another');
        await ask(redis, ['CLIENT', 'KILL', 'USER', 'app']);
      },
    ],
    ['it does not know the user any more', 'auth', () => ask(redis, ['ACL', 'DELUSER', 'app'])],
    [
      'nobody can be told of what was invalidated',
      'auth',
      async () => {
        await setUser('resetchannels');
        await service.app.get(CacheService).invalidate('course:PROG-101');
      },
    ],
  ])('is degraded, and not ready where it is required, while %s', async (_, reason, spoil) => {
    const isReason = new RegExp(`^(${reason})$`);
    await spoil();
    await pollUntil(async () => isReason.test((await health()).reason), 20_000);
    await pollUntil(async () => (await health(other)).status === 'degraded', 20_000);

    const overview = await health();
    expect(overview.status).toBe('degraded');
    expect(overview.reason).toMatch(isReason);
    expect(overview.checks).toEqual({ database: 'ok', redis: 'unhealthy' });
    expect(JSON.stringify(overview)).not.toMatch(/of-the-app|another|WRONGPASS|127\.0\.0\.1/);
    expect(await readiness(service)).toEqual([503, { status: 'unavailable' }]);
    expect(await readiness(other)).toEqual([200, { status: 'degraded' }]);
  });

  it.each<[string, () => Promise<unknown>]>([
    [
      'SUBSCRIBE is forbidden',
      async () => {
        await setUser('-subscribe');
        await ask(redis, ['CLIENT', 'KILL', 'TYPE', 'pubsub']);
      },
    ],
    [
      'the connection for them falls silent',
      () => {
        way.silenceAt('subscribe');
        return ask(redis, ['CLIENT', 'KILL', 'TYPE', 'pubsub']);
      },
    ],
  ])('is degraded, and ready in any case, while others are not heard of: %s', async (_, spoil) => {
    await spoil();
    await pollUntil(async () => (await health()).reason === 'backplane', 20_000);

    expect(await health()).toMatchObject({
      status: 'degraded',
      reason: 'backplane',
      checks: { database: 'ok', redis: 'ok' },
    });
    expect(await readiness(service)).toEqual([200, { status: 'degraded' }]);
    expect((await service.request.get('/metrics')).text).toContain('\ncache_backplane_up 0\n');
    expect((await service.request.get('/api/v3/system/health/detailed').expect(200)).body).toMatchObject({
      status: 'degraded',
      reason: 'backplane',
      components: { redis: { status: 'healthy' } },
    });
  });

  it('is degraded, and ready in any case, while an invalidation waits for over 10 s', async () => {
    // Whoever holds a row keeps all relays from it, which look for it only when it has not been renewed for a while.
    const holder = database.dataSource.createQueryRunner();
    await holder.startTransaction();
    const [{ id }] = await database.dataSource.query(
      `INSERT INTO cache_outbox (tags, renewed_at, written_at)
       VALUES ('{tag/held:1}', clock_timestamp() + interval '1 s', clock_timestamp() - interval '11 s') RETURNING id`,
    );
    try {
      await holder.query('SELECT FROM cache_outbox WHERE id = $1 FOR UPDATE', [id]);
      await pollUntil(async () => (await health()).reason === 'outbox', 10_000);

      expect(await health()).toMatchObject({
        status: 'degraded',
        reason: 'outbox',
        checks: { database: 'ok', redis: 'ok' },
      });
      expect(await readiness(service)).toEqual([200, { status: 'degraded' }]);
    } finally {
      await holder.rollbackTransaction();
      await holder.release();
    }
    await pollUntil(isHealthy, 20_000);
  });

  it('is healthy without the rights that only RedisService needs', async () => {
    await setUser('-ping', '-exists', '-scan');
    await wait(1100);

    expect(await health()).not.toHaveProperty('reason');
    expect(await health()).toMatchObject({ status: 'healthy', checks: { redis: 'ok' } });
    expect((await service.request.get('/health/ready')).body).toEqual({ status: 'ok' });
  });
});

describe('a service that needs Redis', () => {
  it('is not ready without it, when CACHE_REQUIRED says so', async () => {
    const database = await createTestDatabase();
    const env = { DATABASE_URL: database.url, CACHE_REQUIRED: 'true' };
    const service = await startTestApp({
      env: { ...env, REDIS_URL: `redis://127.0.0.1:${await freePort()}` },
    });

    const ready = await service.request.get('/health/ready');

    expect([ready.status, ready.body]).toEqual([503, { status: 'unavailable' }]);
    // The database has half a second for its answer, which a busy machine may miss.
    await pollUntil(async () => (await service.request.get('/health')).status === 200, 20_000);
    await service.close();
    await database.drop();
  });
});

describe('a service whose database is away when it starts', () => {
  it('listens, says that it is starting, and is ready when the database has come', async () => {
    const database = await createTestDatabase();
    const way = await startFaultProxy(database.url);
    await way.refuse();
    const service = await startTestApp({ env: { DATABASE_URL: way.url }, awaitDatabase: false });

    expect((await service.request.get('/health/live')).status).toBe(200);
    const startup = await service.request.get('/health/startup');
    expect([startup.status, startup.body]).toEqual([503, { status: 'starting' }]);
    const ready = await service.request.get('/health/ready');
    expect([ready.status, ready.body]).toEqual([503, { status: 'starting' }]);
    expect((await service.request.get('/health')).body.checks.database).toBe('starting');
    expect((await service.request.get('/')).status).toBe(200);
    const users = await service.request.get('/api/v3/users');
    expect([users.status, users.body.code]).toEqual([503, 'database_unavailable']);

    await way.restore();
    await pollUntil(async () => (await service.request.get('/health/startup')).status === 200, 20_000);

    expect((await service.request.get('/health/ready')).status).toBe(200);
    expect((await service.request.get('/api/v3/users')).status).toBe(200);
    await service.close();
    await way.close();
    await database.drop();
  });
});
