import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { ask } from '../support/ask-redis.js';
import { figure, isMeasuring } from '../support/figures.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import {
  type AppProcess,
  pollUntil,
  type RedisProcess,
  spawnApp,
  startRedis,
  waitFor200,
} from '../support/processes.js';
import { startTestApp } from '../support/test-app.js';

jest.setTimeout(120_000);

/** How long requests are served after the signal: a machine that others use may keep the clients from it for a while. */
const GRACE_MS = isMeasuring ? 1500 : 4000;

describe('stopping', () => {
  let database: TestDatabase;
  let app: AppProcess | undefined;

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterEach(async () => {
    await app?.stop();
  });

  afterAll(async () => {
    await database.drop();
  });

  async function start(env: Record<string, string> = {}): Promise<AppProcess> {
    app = await spawnApp({ env: { DATABASE_URL: database.url, ...env } });
    await waitFor200(app, '/health/ready', 60_000);
    return app;
  }

  it('T3: fails no request under load: those in flight end, later ones are served until others take over', async () => {
    const service = await start({ SHUTDOWN_GRACE_MS: String(GRACE_MS) });
    const agent = new Agent({ keepAlive: true, maxSockets: 20 });
    const statuses = new Map<string, number>();
    const count = (what: string) => statuses.set(what, (statuses.get(what) ?? 0) + 1);
    let isRouted = true;
    const client = async () => {
      while (isRouted)
        count(
          await get(`${service.url}/api/v3/users`, agent).then(String, (error: unknown) =>
            String((error as NodeJS.ErrnoException).code),
          ),
        );
    };
    // As a load balancer does: it sends no more once the probe says so, and a while after.
    const balancer = async () => {
      await pollUntil(async () => (await get(`${service.url}/health/ready`)) === 503, 10_000);
      await wait(300);
      isRouted = false;
    };

    const load = Promise.all([...Array.from({ length: 20 }, client), balancer()]);
    const slow = halfSent(service);
    await pollUntil(() => (statuses.get('200') ?? 0) > 100, 30_000);
    service.signal('SIGTERM');
    await load;
    // Also those who come after the grace are served: it is one of them.
    await wait(GRACE_MS);
    slow.end('"role":"student"}');
    const [answer] = (await once(slow, 'response')) as [IncomingMessage];

    expect(answer.statusCode).toBe(201);
    expect([...statuses.keys()]).toEqual(['200']);
    expect(statuses.get('200')).toBeGreaterThan(100);
    const answeredAt = performance.now();
    expect(await service.ended).toBe(0);
    figure('T3', 'from the last answer to the end, ms', performance.now() - answeredAt, { atMost: 4000 });
    agent.destroy();
  });

  it('T4: waits no longer than it is told to for a request that does not end', async () => {
    const service = await start({ SHUTDOWN_DRAIN_MS: '500' });
    const stuck = halfSent(service).on('error', () => undefined);
    await wait(200);

    const begunAt = performance.now();
    service.signal('SIGTERM');

    expect(await service.ended).toBe(0);
    expect(service.output()).toContain('Requests still in flight after SHUTDOWN_DRAIN_MS (500) are cut off');
    figure('T4', 'told to wait 500 ms, ends after, ms', performance.now() - begunAt, { atMost: 5000 });
    stuck.destroy();
  });

  it('T5: exits at once at the second signal', async () => {
    const service = await start({ SHUTDOWN_GRACE_MS: '20000', SHUTDOWN_DEADLINE_MS: '60000' });
    service.signal('SIGTERM');
    await pollUntil(async () => (await get(`${service.url}/health/ready`)) === 503, 5000);
    await wait(600);

    const begunAt = performance.now();
    service.signal('SIGTERM');

    expect(await service.ended).toBe(1);
    expect(service.output()).toContain('SIGTERM while stopping: ended at once');
    figure('T5', 'until it has ended, ms', performance.now() - begunAt, { atMost: 2000 });
  });

  it.each(['SIGINT', 'SIGHUP'] as const)(
    'takes %s twice in a breath for one, as npm repeats those of the terminal',
    async (signal) => {
      const service = await start({ SHUTDOWN_GRACE_MS: '500' });

      service.signal(signal);
      service.signal(signal);

      expect(await service.ended).toBe(0);
      expect(service.output()).toContain('Stopped');
    },
  );

  describe('with a Redis', () => {
    let redis: RedisProcess;

    beforeAll(async () => {
      redis = await startRedis();
    });

    afterEach(() => {
      redis.thaw();
    });

    afterAll(async () => {
      await redis.stop();
    });

    it('T13: waits for none that hangs; what that was not told another process tells it', async () => {
      const env = { ...patient(), CACHE_NAMESPACE: 'hung:' };
      const service = await start({ ...env, SHUTDOWN_GRACE_MS: '200' });
      await pollUntil(async () => (await usersAt(service.url)).cache === 'HIT', 10_000);
      const { users } = await usersAt(service.url);
      const writing = halfSent(service);
      await pollUntil(async () => (await get(`${service.url}/health/ready`)) === 200, 5000);

      redis.freeze();
      service.signal('SIGTERM');
      await pollUntil(() => service.output().includes('finishing what is in flight'), 5000);
      writing.end('"role":"student"}');
      const [answer] = (await once(writing, 'response')) as [IncomingMessage];
      answer.resume();

      const answeredAt = performance.now();
      expect([answer.statusCode, answer.headers['x-cache-invalidation']]).toEqual([201, 'pending']);
      expect(await service.ended).toBe(0);
      figure('T13', 'from the last answer to the end, ms', performance.now() - answeredAt, { atMost: 4000 });
      expect(await owed()).toBe(1);
      redis.thaw();
      const other = await startTestApp({ env: { DATABASE_URL: database.url, ...env } });
      try {
        await pollUntil(async () => (await owed()) === 0, 20_000);
        expect((await usersAt(other.url)).users).toBe(users + 1);
      } finally {
        await other.close();
      }
    });

    it('answers a miss that is under way, keeps it, and leaves no other process waiting for it', async () => {
      const service = await start({
        ...patient(),
        CACHE_NAMESPACE: 'miss:',
        // For as long as the test holds the table.
        DATABASE_LOCK_TIMEOUT_MS: '30000',
        DATABASE_STATEMENT_TIMEOUT_MS: '30000',
        DATABASE_QUERY_TIMEOUT_MS: '40000',
      });
      await pollUntil(async () => {
        const metrics = await (await fetch(`${service.url}/metrics`)).text();
        return metrics.includes('\ncache_store_available 1\n');
      }, 10_000);
      const keys = async (kind: string) => (await ask(redis, ['KEYS', `miss:${kind}:*`])).split(',');
      const holder = database.dataSource.createQueryRunner();
      await holder.startTransaction();
      await holder.query('LOCK TABLE system_counters IN ACCESS EXCLUSIVE MODE');
      const asked = usersAt(service.url);
      try {
        await pollUntil(async () => (await keys('lease')).join() !== '', 10_000);
        service.signal('SIGTERM');
        const isClosed = () =>
          get(`${service.url}/health/live`).then(
            () => false,
            () => true,
          );
        await pollUntil(isClosed, 10_000);
      } finally {
        await holder.rollbackTransaction();
        await holder.release();
      }

      expect(await asked).toMatchObject({ status: 200, cache: 'MISS' });
      expect(await service.ended).toBe(0);
      expect(await keys('lease')).toEqual(['']);
      expect(await keys('cache')).toContainEqual(expect.stringContaining('system_stats'));
    });

    /** A busy machine shall not look like a slow Redis. */
    function patient(): Record<string, string> {
      return { REDIS_URL: redis.url, REDIS_COMMAND_TIMEOUT_MS: '1000' };
    }

    async function owed(): Promise<number> {
      const rows: unknown[] = await database.dataSource.query('SELECT FROM cache_outbox');
      return rows.length;
    }
  });

  it.each(['rejection', 'exception'])(
    'F48: an %s that nobody handles ends it in order, with one line that keeps the words to itself',
    async (way) => {
      const service = await start({
        NODE_OPTIONS: `--import=${pathToFileURL('test/support/unhandled-failure.mjs').href}`,
        FAILURE: way,
        LOG_FORMAT: 'json',
      });
      const slow = halfSent(service);
      await pollUntil(async () => (await get(`${service.url}/health/ready`)) === 200, 5000);

      service.signal('SIGUSR2');
      await pollUntil(() => service.output().includes('process.failed'), 5000);
      slow.end('"role":"student"}');
      const [answer] = (await once(slow, 'response')) as [IncomingMessage];
      answer.resume();

      expect(answer.statusCode).toBe(201);
      expect(await service.ended).toBe(1);
      const lines = service
        .output()
        .split('\n')
        .filter((line) => line.includes('TypeError'));
      figure('F48', `${way} that nobody handles: lines of log`, lines.length, { atMost: 1 });
      expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
        expect.objectContaining({
          event: 'process.failed',
          level: 'error',
          reason: 'TypeError',
          at: expect.stringContaining('test/support/unhandled-failure.mjs'),
        }),
      ]);
      expect(service.output()).not.toContain('canary');
    },
  );
});

it('an application that waits for a run which never ends comes to its end, also where nothing else keeps the process', async () => {
  const program = `
    import { NestFactory } from '@nestjs/core';
    import { CacheModule, CacheService } from './dist/cache/index.js';
    const cache = CacheModule.forRoot({ name: 'closing' });
    const app = await NestFactory.createApplicationContext(cache, { logger: false });
    const never = () => new Promise(() => undefined);
    const server = setInterval(() => undefined, 1000);
    await app.get(CacheService).getOrSet('key', { ttl: 60, hardTimeout: 0.01 }, never).catch(() => undefined);
    clearInterval(server);
    await app.close();
    process.stdout.write('closed');`;
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);

  expect((await run).stdout).toBe('closed');
});

function get(url: string, agent?: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { agent, timeout: 10_000 }, (answer) => {
      answer.resume().on('end', () => {
        resolve(answer.statusCode ?? 0);
      });
      answer.on('error', reject);
    })
      .on('error', reject)
      .end();
  });
}

/** What a cached route says of how many users there are. */
async function usersAt(url: string): Promise<{ status: number; cache: string | null; users: number }> {
  const answer = await fetch(`${url}/api/v3/system/stats`);
  const { total_users } = (await answer.json()) as { total_users: number };
  return { status: answer.status, cache: answer.headers.get('x-cache'), users: total_users };
}

/** A request whose body has begun and not ended. */
function halfSent(service: AppProcess): ClientRequest {
  const sending = request(`${service.url}/api/v3/users`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  });
  sending.write(`{"user_id":"SLOW-${service.pid}",`);
  return sending;
}
