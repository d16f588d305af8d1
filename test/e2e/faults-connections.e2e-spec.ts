import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { figure } from '../support/figures.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { type AppProcess, pollUntil, spawnApp, waitFor200 } from '../support/processes.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

jest.setTimeout(120_000);

const live = '/health/live';
const to = (url: string) => connect(Number(new URL(url).port), '127.0.0.1').on('error', () => undefined);

describe('slow clients', () => {
  let database: TestDatabase;
  let service: TestApp;

  beforeAll(async () => {
    database = await createTestDatabase();
    service = await startTestApp({ env: { DATABASE_URL: database.url, MAX_CONNECTIONS: '100' } });
  });

  afterAll(async () => {
    await service.close();
    await database.drop();
  });

  it('F50: heads must be there within 10 s, requests within 30 s', () => {
    const { headersTimeout, requestTimeout, keepAliveTimeout } = service.app.getHttpServer();

    expect({ headersTimeout, requestTimeout }).toEqual({ headersTimeout: 10_000, requestTimeout: 30_000 });
    expect(keepAliveTimeout).toBeGreaterThan(60_000);
  });

  it('F50: who sends a byte now and then is cut off, others notice nothing', async () => {
    const server = service.app.getHttpServer();
    // The long limits would make this a long test; how often they are looked at is as always.
    Object.assign(server, { headersTimeout: 500, requestTimeout: 1000 });
    const begunAt = performance.now();
    const answered = [
      drip(to(service.url), 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: '),
      drip(
        to(service.url),
        'POST /api/v3/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n',
      ),
    ];
    const good = [];
    for (let n = 0; n < 50; n++) good.push((await fetch(service.url + live)).status);

    const said = await Promise.all(answered);
    figure(
      'F50',
      'until slow clients are cut off, with limits of 0.5 and 1 s, ms',
      performance.now() - begunAt,
      {
        atMost: 3500,
      },
    );
    for (const answer of said) expect(answer).toMatch(/^(HTTP\/1\.1 408 |$)/);
    expect(new Set(good)).toEqual(new Set([200]));
    Object.assign(server, { headersTimeout: 10_000, requestTimeout: 30_000 });
  });

  it('F50: holds no more connections than it may, and serves again when they are gone', async () => {
    const idle = Array.from({ length: 150 }, () => to(service.url));
    let closed = 0;
    for (const socket of idle) socket.on('close', () => closed++).resume();
    await pollUntil(() => closed >= 40, 10_000);

    expect(closed).toBeLessThan(150);
    for (const socket of idle) socket.destroy();
    await pollUntil(
      async () => (await fetch(service.url + live).catch(() => undefined))?.status === 200,
      10_000,
    );
  });
});

describe('a process without file descriptors', () => {
  let database: TestDatabase;
  let app: AppProcess;

  beforeAll(async () => {
    database = await createTestDatabase();
    app = await spawnApp({ env: { DATABASE_URL: database.url, NODE_ENV: 'test' }, maxFiles: 1024 });
    await waitFor200(app, '/health/ready', 60_000);
  });

  afterAll(async () => {
    await app.stop();
    await database.drop();
  });

  it('F47: survives what it cannot accept, and serves when descriptors are free', async () => {
    const idle = Array.from({ length: 1200 }, () => to(app.url));
    await Promise.race([
      Promise.all(idle.map((socket) => once(socket, 'connect'))),
      once(idle[1199]!, 'close'),
    ]);

    for (const socket of idle) socket.destroy();
    const freeAt = performance.now();
    await pollUntil(async () => (await fetch(app.url + live).catch(() => undefined))?.status === 200, 20_000);
    figure('F47', 'until it serves again after the clients left, ms', performance.now() - freeAt, {
      atMost: 2000,
    });

    const left = await Promise.race([app.ended, Promise.resolve('alive')]);
    expect(left).toBe('alive');
    expect(app.output().split('\n').length).toBeLessThan(200);
  });
});

/** Sends the beginning, then a byte now and then until it is cut off; everything that was said. */
async function drip(socket: Socket, beginning: string): Promise<string> {
  let said = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (said += chunk));
  socket.write(beginning);
  const timer = setInterval(() => socket.write('x'), 100);
  await once(socket, 'close');
  clearInterval(timer);
  return said;
}
