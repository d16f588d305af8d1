import { connect } from 'node:net';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { type AppProcess, freePort, pollUntil, spawnApp, waitFor200 } from '../support/processes.js';

jest.setTimeout(120_000);

const MAX_CONNECTIONS = 10;

let database: TestDatabase;
let app: AppProcess;
let port: number;

beforeAll(async () => {
  database = await createTestDatabase();
  port = await freePort();
  app = await spawnApp({
    env: {
      DATABASE_URL: database.url,
      HEALTH_PORT: String(port),
      MAX_CONNECTIONS: String(MAX_CONNECTIONS),
      SHUTDOWN_GRACE_MS: '200',
      SHUTDOWN_DRAIN_MS: '20000',
      SHUTDOWN_DEADLINE_MS: '30000',
    },
  });
  await waitFor200(app, '/health/ready', 60_000);
});

afterAll(async () => {
  await app.stop();
  await database.drop();
});

/** On a connection of its own, as probes ask. */
const ask = (path: string, on = port, method = 'GET') =>
  fetch(`http://127.0.0.1:${on}${path}`, { method, headers: { connection: 'close' } });

it.each(['/health', '/health/live', '/health/ready', '/health/startup', '/metrics'])(
  'HEALTH_PORT serves %s as the service’s own port does',
  async (path) => {
    const [here, there] = await Promise.all([ask(path), ask(path, app.port)]);

    expect([here.status, there.status]).toEqual([200, 200]);
    const names = ({ headers }: Response) => [...headers.keys()].filter((name) => name !== 'content-length');
    expect(names(here)).toEqual(names(there));
    expect(await here.text()).not.toBe('');
    await there.text();
  },
);

it.each([
  ['GET', '/'],
  ['GET', '/api/v3/system/info'],
  ['POST', '/api/v3/users'],
  ['GET', '/healthy'],
])('HEALTH_PORT has no %s %s', async (method, path) => {
  const answer = await ask(path, port, method);

  expect(answer.status).toBe(404);
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  expect(await answer.json()).toMatchObject({ code: 'not_found', instance: path });
});

it('HEALTH_PORT counts what it refuses', async () => {
  const refused = async () => {
    const text = await (await ask('/metrics')).text();
    return Number(/^http_problems_total\{code="not_found"\} (\d+)$/m.exec(text)?.[1]);
  };
  const before = await refused();

  await (await ask('/nothing')).text();

  await pollUntil(async () => (await refused()) > before, 5000);
});

it('HEALTH_PORT answers probes when the service takes no more connections', async () => {
  const taken = Array.from({ length: 2 * MAX_CONNECTIONS }, () =>
    connect(app.port, '127.0.0.1').on('error', () => undefined),
  );
  try {
    await pollUntil(async () => {
      const refused = await ask('/health/live', app.port).then(
        () => false,
        () => true,
      );
      return refused;
    }, 10_000);

    expect((await ask('/health/live')).status).toBe(200);
    expect((await ask('/health/ready')).status).toBe(200);
  } finally {
    for (const socket of taken) socket.destroy();
  }
});

it('the start fails in one line that names HEALTH_PORT where something else listens there', async () => {
  const second = await spawnApp({ env: { DATABASE_URL: database.url, HEALTH_PORT: String(port) } });

  expect(await second.ended).toBe(1);
  expect(second.output().trim().split('\n').at(-1)).toMatch(
    new RegExp(`^Port ${port} is busy: .*HEALTH_PORT=`),
  );
});

it('HEALTH_PORT says that the service is stopping also when that takes no more connections', async () => {
  const unfinished = connect(app.port, '127.0.0.1').on('error', () => undefined);
  unfinished.write(
    'POST /api/v3/users HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
  );
  await pollUntil(async () => (await ask('/health/live', app.port)).status === 200, 10_000);
  app.signal('SIGTERM');

  const isClosed = () =>
    ask('/health/live', app.port).then(
      () => false,
      () => true,
    );
  await pollUntil(isClosed, 10_000);
  expect((await ask('/health/ready')).status).toBe(503);
  expect((await ask('/health/live')).status).toBe(200);
  unfinished.destroy();
  expect(await app.ended).toBe(0);
});
