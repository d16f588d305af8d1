import { once } from 'node:events';
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { figure } from '../support/figures.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { type AppProcess, pollUntil, spawnApp, waitFor200 } from '../support/processes.js';

jest.setTimeout(120_000);

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
    const service = await start({ SHUTDOWN_GRACE_MS: '1500' });
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
    await wait(1500);
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
    figure('T5', 'until it has ended, ms', performance.now() - begunAt, { atMost: 2000 });
  });

  it('takes two signals in a breath for one, as npm repeats those of the terminal', async () => {
    const service = await start({ SHUTDOWN_GRACE_MS: '500' });

    service.signal('SIGINT');
    service.signal('SIGINT');

    expect(await service.ended).toBe(0);
    expect(service.output()).toContain('Stopped');
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

/** A request whose body has begun and not ended. */
function halfSent(service: AppProcess): ClientRequest {
  const sending = request(`${service.url}/api/v3/users`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  });
  sending.write(`{"user_id":"SLOW-${service.pid}",`);
  return sending;
}
