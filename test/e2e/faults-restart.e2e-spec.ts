import { Agent, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { loadPreset } from '../../src/datasets/load-preset.js';
import { figure, isMeasuring } from '../support/figures.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { type AppProcess, freePort, required, spawnApp, waitFor200 } from '../support/processes.js';
import { type ReadyProxy, startReadyProxy } from '../support/ready-proxy.js';
import { versionOf } from '../support/versioned-course.js';

jest.setTimeout(isMeasuring ? 900_000 : 120_000);

const PROCESSES = 3;
/** So often each process is restarted at least. */
const ROUNDS = 20;
/** At least so many, with at least so many requests. */
const [RESTARTS, REQUESTS] = isMeasuring ? [ROUNDS * PROCESSES, 100_000] : [1, 0];
const READERS = 8;
/** Between the calls of one client: a process that starts beside them needs the machine too. */
const PAUSE_MS = isMeasuring ? 0 : 20;
/** Between writes, each of which has the course analysed anew: hits are what many requests are made of. */
const WRITE_PAUSE_MS = isMeasuring ? 300 : 100;
const COURSE = 'PROG-101';
const env = {
  SHUTDOWN_GRACE_MS: isMeasuring ? '2000' : '5000',
  CACHE_NAMESPACE: `restart-${process.pid}:`,
  LOG_LEVEL: 'warn',
};

let database: TestDatabase;
let apps: AppProcess[];
let proxy: ReadyProxy;

beforeAll(async () => {
  database = await createTestDatabase();
  await loadPreset(database.dataSource, { preset: 'seed-doc', seed: 42, asOf: new Date() });
  apps = await Promise.all(Array.from({ length: PROCESSES }, () => start()));
  proxy = await startReadyProxy(apps.map(({ port }) => port));
  await proxy.until(PROCESSES, 60_000);
});

afterAll(async () => {
  await proxy.close();
  await Promise.all(apps.map((app) => app.stop()));
  await database.drop();
});

async function start(port?: number): Promise<AppProcess> {
  const app = await spawnApp({
    port: port ?? (await freePort()),
    env: { DATABASE_URL: database.url, REDIS_URL: required('TEST_REDIS_URL'), ...env },
  });
  await waitFor200(app, '/health/ready', 60_000);
  return app;
}

it('F41: rolling restarts fail no request, and no answer is older than a confirmed write', async () => {
  const failures: string[] = [];
  let isOver = false;
  let [requests, written, confirmed] = [0, 0, 0];
  const call = async (agent: Agent, method: string, path: string, body?: object) => {
    requests++;
    try {
      const answer = await send(agent, method, proxy.url + path, body);
      if (answer.status < 400) return JSON.parse(answer.body) as Record<string, unknown>;
      failures.push(`${method} ${path}: ${answer.status}`);
    } catch (error) {
      failures.push(`${method} ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
    }
    return undefined;
  };
  const reader = async (_: unknown, n: number) => {
    const agent = new Agent({ keepAlive: n % 4 !== 3, maxSockets: 1 });
    for (let round = n; !isOver; round++) {
      const floor = confirmed;
      const isCached = round % 4 !== 0;
      const path = isCached ? `/api/v3/analytics/courses/${COURSE}` : `/api/v3/courses/${COURSE}`;
      const body = await call(agent, 'GET', path);
      const name = body && String(isCached ? body.course_name : body.name);
      if (name && versionOf(name) < floor) failures.push(`${path}: ${name}, after ${floor} was confirmed`);
      await wait(PAUSE_MS);
    }
    agent.destroy();
  };
  const writer = async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!isOver) {
      const version = ++written;
      const answer = await call(agent, 'PATCH', `/api/v3/courses/${COURSE}`, { name: `v${version}` });
      if (answer) confirmed = version;
      await wait(WRITE_PAUSE_MS);
    }
    agent.destroy();
  };

  const load = Promise.all([...Array.from({ length: READERS }, reader), writer()]);
  const codes: (number | string)[] = [];
  let [restarts, slowestMs] = [0, 0];
  try {
    for (; restarts < RESTARTS || requests < REQUESTS; restarts++) {
      const app = apps[restarts % PROCESSES]!;
      const since = performance.now();
      app.signal('SIGTERM');
      codes.push(await app.ended);
      slowestMs = Math.max(slowestMs, performance.now() - since);
      apps[restarts % PROCESSES] = await start(app.port);
      await proxy.until(PROCESSES, 60_000);
    }
  } finally {
    isOver = true;
    await load;
  }

  figure('F41', 'restarts', restarts, { atLeast: RESTARTS });
  figure('F41', 'requests', requests, { atLeast: REQUESTS });
  figure('F41', 'failed', failures.length, { atMost: 0 });
  figure('F41', 'from SIGTERM to the end, ms', slowestMs, { atMost: 20_000 });
  expect(failures).toEqual([]);
  expect(codes).toEqual(codes.map(() => 0));
  expect(requests).toBeGreaterThan(200);
  expect(confirmed).toBeGreaterThan(10);
});

function send(
  agent: Agent,
  method: string,
  url: string,
  body?: object,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const text = body && JSON.stringify(body);
    const headers = text
      ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
      : {};
    const sending = request(url, { agent, method, headers, timeout: 10_000 }, (answer) => {
      const chunks: Buffer[] = [];
      answer
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('error', reject)
        .on('end', () => {
          resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
        });
    });
    sending.on('error', reject).on('timeout', () => sending.destroy(new Error('no answer in 10 s')));
    sending.end(text);
  });
}
