import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { createGzip } from 'node:zlib';
import fastify, { type FastifyInstance } from 'fastify';
import { limitConnection, MAX_UNANSWERED, SILENT_MS } from '../../src/http/connection-limits.js';
import { limitUploads, MOST_BYTES } from '../../src/http/limit-uploads.js';
import { EventLoop } from '../../src/telemetry/event-loop.js';
import { deferred } from '../support/deferred.js';
import { figure, isMeasuring } from '../support/figures.js';
import { HttpConnection } from '../support/http-connection.js';
import { type Answer, failed, quantileMs } from '../support/load.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { type AppProcess, freePort, pollUntil, spawnApp, waitFor200 } from '../support/processes.js';
import { mostResidentBytes, residentBytes } from '../support/resident-memory.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

jest.setTimeout(120_000);

const run = promisify(execFile);
const live = '/health/live';
const limits = { headersTimeout: 10_000, requestTimeout: 30_000, timeout: SILENT_MS };
const to = (url: string) => connect(Number(new URL(url).port), '127.0.0.1').on('error', () => undefined);

describe('slow clients', () => {
  let database: TestDatabase;
  let service: TestApp;
  let eventLoop: EventLoop;

  beforeAll(async () => {
    database = await createTestDatabase();
    service = await startTestApp({
      env: { DATABASE_URL: database.url, MAX_CONNECTIONS: '100', MAX_EVENT_LOOP_DELAY_MS: '250' },
    });
    eventLoop = service.app.get(EventLoop);
    // How late the tests make it is not looked at: they say so themselves.
    eventLoop.onApplicationShutdown();
  });

  afterAll(async () => {
    await service.close();
    await database.drop();
  });

  it('F50: heads must be there within 10 s, requests within 30 s, and nobody is silent for longer than 15 s', () => {
    const { headersTimeout, requestTimeout, timeout, keepAliveTimeout } = service.app.getHttpServer();

    expect({ headersTimeout, requestTimeout, timeout }).toEqual(limits);
    expect(keepAliveTimeout).toBeGreaterThan(60_000);
  });

  it('F50: who sends a byte now and then is cut off, others notice nothing', async () => {
    const server = service.app.getHttpServer();
    const usual = await pingedMs(service.url, 200);
    // The long limits would make this a long test; how often they are looked at is as always.
    const used = isMeasuring ? limits : { headersTimeout: 500, requestTimeout: 1500 };
    Object.assign(server, { ...used, maxConnections: 5000 });
    const kinds = {
      head: () => drip(to(service.url), 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: '),
      body: () =>
        drip(
          to(service.url),
          'POST /api/v3/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n',
        ),
    };
    const attacks = Object.entries(kinds).flatMap(([kind, attack]) =>
      Array.from({ length: isMeasuring ? 1000 : 10 }, async () => ({ kind, ...(await attack()) })),
    );
    const over = Promise.all(attacks);
    let isOver = false;
    void over.then(() => (isOver = true));
    const good = await pingedMs(service.url, 200, () => isOver);
    const cut = await over;

    for (const [kind, limitMs] of [
      ['head', used.headersTimeout],
      ['body', used.requestTimeout],
    ] as const) {
      const slowest = Math.max(...cut.filter((one) => one.kind === kind).map(({ ms }) => ms));
      figure('F50', `slow ${kind}, cut off after, of ${limitMs} ms`, slowest, { atMost: limitMs + 5000 });
    }
    const usualMs = quantileMs(usual, 0.99);
    figure('F50', `p99 of others without slow clients, ms`, usualMs);
    figure('F50', `p99 of others beside ${attacks.length} slow ones, ms`, quantileMs(good, 0.99), {
      atMost: usualMs + 20,
    });
    for (const { said } of cut) expect(said).toMatch(/^(HTTP\/1\.1 408 |$)/);
    expect(failed(good)).toEqual([]);
    Object.assign(server, { ...limits, maxConnections: 100 });
  });

  describe('F50: bodies that are still coming', () => {
    const most = MOST_BYTES / 1024 / 1024;
    const head = (method: string, length: number) =>
      `${method} /api/v3/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n{`;
    const sockets: Socket[] = [];
    const closed = new Set<number>();

    /** Connected first, so that all heads come at one moment. */
    async function begin(count: number, text: string): Promise<void> {
      for (let n = 0; n < count; n++) {
        const socket = to(service.url);
        socket.on('close', () => closed.add(n)).resume();
        sockets.push(socket);
      }
      await Promise.all(sockets.map((socket) => once(socket, 'connect')));
      for (const socket of sockets) socket.write(text);
    }

    beforeEach(() => {
      Object.assign(service.app.getHttpServer(), { maxConnections: 5000 });
    });

    afterEach(async () => {
      const open = sockets.splice(0).filter((socket) => !socket.closed);
      await Promise.all(open.map((socket) => once(socket.destroy(), 'close')));
      closed.clear();
      Object.assign(service.app.getHttpServer(), { maxConnections: 100 });
    });

    it('are held no more than memory is meant for, and not the oldest', async () => {
      await begin(4 * most, head('POST', 1024 * 1024));
      await pollUntil(() => closed.size >= 3 * most, 10_000);
      await service.request.post('/api/v3/users').send({ user_id: 'UPLOAD', role: 'student' }).expect(201);

      expect(closed.size).toBeLessThanOrEqual(3 * most + 1);
    });

    it('are held as they are long, so that many short ones do not make room for each other', async () => {
      await begin(2 * most, head('POST', 1000));
      await service.request.post('/api/v3/users').send({ user_id: 'SHORT', role: 'student' }).expect(201);

      expect(closed.size).toBe(0);
    });

    it('do not count where nobody reads them', async () => {
      const server = fastify();
      server.addHook('onRequest', limitUploads(1024 * 1024));
      const answer = deferred<string>();
      let asked = 0;
      server.get('/', () => {
        asked++;
        return answer.promise;
      });
      const url = await server.listen();
      let answered = 0;
      for (let n = 0; n < 2 * most; n++) {
        const socket = to(url).once('data', () => answered++);
        socket.write(head('GET', 1024 * 1024).replace(/ \S+/, ' /'));
        sockets.push(socket);
      }

      await pollUntil(() => asked === 2 * most, 10_000);
      answer.resolve('here');

      await pollUntil(() => answered === 2 * most, 10_000);
      server.server.closeAllConnections();
      await server.close();
    });
  });

  it('F50: answers no connection that asks on and on without waiting', async () => {
    const socket = to(service.url).resume();

    socket.write(`GET ${live} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(MAX_UNANSWERED + 1));

    await once(socket, 'close');
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

  it('F45: while it is behind for longer than a moment, all but probes and metrics are refused', async () => {
    const [probe, data, metrics] = [live, '/api/v3/users', '/metrics'];
    const statuses = async () => {
      const answers = await Promise.all([probe, metrics, data].map((path) => service.request.get(path)));
      return answers.map(({ status }) => status);
    };

    eventLoop.sample(300);
    expect(await statuses()).toEqual([200, 200, 200]);

    eventLoop.sample(300);
    expect(await statuses()).toEqual([200, 200, 503]);
    const { headers, body } = await service.request.get(data);
    expect(headers['retry-after']).toMatch(/^\d+$/);
    expect(body).toMatchObject({ code: 'overloaded' });
    // Others shall take what comes.
    expect((await service.request.get('/health/ready')).status).toBe(503);

    eventLoop.sample(200);
    expect(await statuses()).toEqual([200, 200, 200]);
  });
});

describe('slow readers', () => {
  const size = 20_000_000;
  let runs = 0;
  let server: FastifyInstance;
  let url: string;
  const closed = new Set<number>();

  beforeAll(async () => {
    server = fastify({ connectionTimeout: isMeasuring ? SILENT_MS : 500 });
    server.addHook('onRequest', limitConnection);
    server.get('/big', async () => {
      runs++;
      return Promise.resolve(Buffer.alloc(size));
    });
    server.get('/late', async () => {
      await wait(2.5 * server.server.timeout);
      return 'late';
    });
    server.server.on('connection', (socket: Socket) => {
      const port = socket.remotePort!;
      socket.on('close', () => closed.add(port));
    });
    url = await server.listen();
  });

  afterAll(async () => {
    await server.close();
  });

  it('F50: who reads nothing is cut off, and has not been given more than so many answers', async () => {
    const socket = to(url).pause();
    const begunAt = performance.now();

    socket.write('GET /big HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(MAX_UNANSWERED));
    // Who does not read does not hear of it.
    await pollUntil(() => closed.has(socket.localPort ?? 0), 60_000);

    const { timeout } = server.server;
    figure('F50', `reader, cut off after, silent for ${timeout} ms`, performance.now() - begunAt, {
      atMost: 2 * timeout + 5000,
    });
    expect(runs).toBeLessThanOrEqual(MAX_UNANSWERED);
    socket.destroy();
  });

  it('F50: who reads, however slowly, gets the whole answer', async () => {
    const socket = to(url);
    socket.write('GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    let bytes = 0;
    for await (const chunk of socket) {
      bytes += (chunk as Buffer).length;
      await wait(5);
    }

    expect(bytes).toBeGreaterThan(size);
  });

  it('F50: who waits for an answer is not cut off', async () => {
    expect(await (await fetch(`${url}/late`)).text()).toBe('late');
  });
});

describe('a process of its own, with few file descriptors', () => {
  /** With half of them it would not start: Node opens all its files at once. */
  const MAX_FILES = 512;
  let database: TestDatabase;
  let app: AppProcess;
  let healthPort: number;

  beforeAll(async () => {
    database = await createTestDatabase();
    healthPort = await freePort();
    app = await spawnApp({
      env: {
        DATABASE_URL: database.url,
        NODE_ENV: 'test',
        NODE_OPTIONS: `--import=${pathToFileURL('test/support/busy-turns.mjs').href}`,
        HEALTH_PORT: String(healthPort),
        MAX_CONNECTIONS: '100000',
        MAX_EVENT_LOOP_DELAY_MS: '250',
      },
      maxFiles: MAX_FILES,
    });
    await waitFor200(app, '/health/ready', 60_000);
  });

  afterAll(async () => {
    await app.stop();
    await database.drop();
  });

  const ready = '/health/ready';
  const data = '/api/v3/users';
  const ask = async (path: string) => {
    const answer = await fetch(app.url + path);
    const { code } = (await answer.json()) as { code?: string };
    return { status: answer.status, code, retryAfter: answer.headers.get('retry-after') };
  };
  const asked = () => Promise.all([ask(data), ask(live), ask(ready)]);
  const isWell = async () => (await asked()).every(({ status }) => status === 200);

  it('F45: refuses all but probes while its turns take long, and serves again after it', async () => {
    await pollUntil(isWell, 10_000);
    const seen = new Set<number>();

    app.signal('SIGUSR2');
    const busyAt = performance.now();
    let refused: Awaited<ReturnType<typeof ask>> | undefined;
    try {
      await pollUntil(async () => {
        const [answer, alive, readiness] = await asked();
        seen.add(alive.status);
        if (answer.code === 'overloaded' && readiness.status === 503) refused = answer;
        return refused !== undefined;
      }, 20_000);
      figure('F45', 'turns of 400 ms: until it refuses, ms', performance.now() - busyAt);
    } finally {
      app.signal('SIGUSR2');
    }

    expect(refused).toEqual({
      status: 503,
      code: 'overloaded',
      retryAfter: expect.stringMatching(/^\d+$/) as string,
    });
    expect(seen).toEqual(new Set([200]));
    await pollUntil(isWell, 20_000);
  });

  /** On a connection of its own. @returns the status, none without an answer */
  async function askedAnew(port: number): Promise<number | undefined> {
    const client = new HttpConnection(2000);
    const answer = await client.ask(port, 'GET', live).catch(() => undefined);
    client.close();
    return answer?.status;
  }

  async function heldFiles(): Promise<number> {
    return (await readdir(`/proc/${app.pid}/fd`)).length;
  }

  /** How many the system lets it have, from now on. */
  async function allowFiles(count: number): Promise<void> {
    await run('prlimit', [`--pid=${app.pid}`, `--nofile=${count}:`]);
  }

  it('F47: takes on no more clients than leave some for probes, and serves when they are gone', async () => {
    const [, most] = /Takes on (\d+) clients at a time.*may open 512 files/.exec(app.output()) ?? [];
    const probe = new HttpConnection(20_000);
    expect((await probe.ask(app.port, 'GET', live)).status).toBe(200);
    const idle = Array.from({ length: 1000 }, () => to(app.url).resume());
    let turnedAway = 0;
    for (const socket of idle) socket.on('close', () => turnedAway++);
    await pollUntil(() => turnedAway >= idle.length - Number(most), 20_000);

    const held = await heldFiles();
    const [served, probed, kept] = await Promise.all([
      askedAnew(app.port),
      askedAnew(healthPort),
      probe.ask(app.port, 'GET', live),
    ]);

    for (const socket of idle) socket.destroy();
    const freeAt = performance.now();
    await pollUntil(async () => (await askedAnew(app.port)) === 200, 20_000);
    figure('F47', 'until it serves again after the clients left, ms', performance.now() - freeAt, {
      atMost: 2000,
    });
    figure('F47', `descriptors held under 1,000 clients, of ${MAX_FILES}`, held);
    figure('F47', 'probes on HEALTH_PORT that connect anew: answered, of 1', probed === 200 ? 1 : 0, {
      atLeast: 1,
    });
    expect(held).toBeGreaterThan(Number(most));
    expect(held).toBeLessThanOrEqual(MAX_FILES - 100);
    expect([served, probed, kept.status]).toEqual([undefined, 200, 200]);
    probe.close();
    await pollUntil(isWell, 20_000);
  });

  it('F47: takes on nobody when it has none left, survives that, and serves when some are free', async () => {
    const probe = new HttpConnection(20_000);
    expect((await probe.ask(healthPort, 'GET', live)).status).toBe(200);
    // Below what it holds: whoever else comes finds none.
    const held = await heldFiles();
    await allowFiles(held - 10);

    const [served, probed, kept] = await Promise.all([
      askedAnew(app.port),
      askedAnew(healthPort),
      probe.ask(healthPort, 'GET', live),
    ]);

    await allowFiles(MAX_FILES);
    const freeAt = performance.now();
    await pollUntil(async () => (await askedAnew(app.port)) === 200, 20_000);
    figure('F47', 'until it serves again when it has some, ms', performance.now() - freeAt, { atMost: 2000 });
    expect([served, probed, kept.status]).toEqual([undefined, undefined, 200]);
    probe.close();

    await pollUntil(isWell, 20_000);
    const left = await Promise.race([app.ended, Promise.resolve('alive')]);
    expect(left).toBe('alive');
    expect(app.output().split('\n').length).toBeLessThan(200);
  });
});

describe('a process that is sent bodies which are too large', () => {
  const megabyte = 1024 * 1024;
  const size = (isMeasuring ? 1024 : 64) * megabyte;
  let database: TestDatabase;
  let app: AppProcess;
  let bomb: Buffer;

  beforeAll(async () => {
    database = await createTestDatabase();
    app = await spawnApp({ env: { DATABASE_URL: database.url, NODE_ENV: 'test' } });
    [bomb] = await Promise.all([zeros(size), waitFor200(app, '/health/ready', 60_000)]);
  });

  afterAll(async () => {
    await app.stop();
    await database.drop();
  });

  const post = (path: string, type: string, ...lines: string[]) =>
    [`POST ${path} HTTP/1.1`, 'Host: x', `Content-Type: ${type}`, ...lines, '', ''].join('\r\n');
  const announce = (socket: Socket): Promise<unknown> => {
    socket.write(post('/api/v3/users', 'application/json', `Content-Length: ${size}`));
    return Promise.resolve();
  };
  const kinds = (bytes: number, body: Buffer): [string, (socket: Socket) => Promise<unknown>][] => [
    [
      'declared',
      async (socket) => {
        socket.write(post('/api/v3/users', 'application/json', `Content-Length: ${bytes}`));
        await flood(socket, Buffer.alloc(65_536, ' '), bytes);
      },
    ],
    [
      'in chunks without a length',
      async (socket) => {
        socket.write(post('/api/v3/users', 'application/json', 'Transfer-Encoding: chunked'));
        await flood(socket, Buffer.from(`10000\r\n${' '.repeat(65_536)}\r\n`), bytes);
      },
    ],
    [
      'compressed',
      (socket) => {
        const headers = [`Content-Length: ${body.length}`, 'Content-Encoding: gzip'];
        socket.write(post('/api/v3/events:batch', 'application/x-ndjson', ...headers));
        return flood(socket, body, body.length);
      },
    ],
  ];

  it('F49: answers soon that they are, and takes no memory for them', async () => {
    // As much as a service has taken that was used: what it needs to refuse is not counted against the attack.
    for (let round = 0; round < 20; round++) {
      for (const [, send] of kinds(2 * megabyte, await zeros(8 * megabyte))) await refusal(to(app.url), send);
    }
    const idle = await residentBytes(app.pid);
    const times: [string, number][] = [];

    const most = await mostResidentBytes(app.pid, async () => {
      for (const [name, send] of kinds(size, bomb)) {
        const since = performance.now();
        const answer = await refusal(to(app.url), send);
        times.push([name, performance.now() - since]);
        // Who goes on sending may be cut off before they have read it.
        expect([name, answer]).toEqual([name, expect.stringMatching(/^(HTTP\/1\.1 413 |$)/)]);
      }
    });

    figure('F49', 'RSS while it is sent them, MB over before', (most - idle) / 1e6, { atMost: 20 });
    for (const [name, ms] of times) {
      figure('F49', `${size / megabyte} MB ${name}: answer, ms`, ms, { atMost: 1000 });
    }
    // Who stops there reads all of the answer: nobody is only hung up on.
    const little = await zeros(16 * megabyte);
    for (const [name, send] of [
      ['announced', announce] as const,
      ...kinds(megabyte + 65_536, little).filter(([name]) => name !== 'declared'),
    ]) {
      const answer = await refusal(to(app.url), send);
      expect([name, answer]).toEqual([name, expect.stringMatching(/^HTTP\/1\.1 413 /)]);
    }
    expect((await fetch(app.url + live)).status).toBe(200);
  });
});

/** So many zeros, compressed as well as can be. */
async function zeros(bytes: number): Promise<Buffer> {
  const gzip = createGzip({ level: 9 });
  const chunks: Buffer[] = [];
  gzip.on('data', (chunk: Buffer) => chunks.push(chunk));
  const piece = Buffer.alloc(1024 * 1024);
  for (let left = bytes; left > 0; left -= piece.length) {
    if (!gzip.write(piece)) await once(gzip, 'drain');
  }
  gzip.end();
  await once(gzip, 'end');
  return Buffer.concat(chunks);
}

/** Sends a piece again and again, until that is enough or nobody takes any more. */
async function flood(socket: Socket, piece: Buffer, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes && !socket.destroyed; sent += piece.length) {
    if (socket.write(piece)) continue;
    await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => undefined);
  }
}

/** What is answered while something is sent, without waiting for all of it to be sent. */
async function refusal(socket: Socket, send: (socket: Socket) => Promise<unknown>): Promise<string> {
  let said = '';
  socket.setEncoding('latin1').setTimeout(20_000, () => socket.destroy());
  const answered = new Promise<void>((resolve) => {
    socket.on('close', resolve).on('data', (chunk: string) => {
      said += chunk;
      resolve();
    });
  });
  const sending = send(socket);
  await answered;
  socket.destroy();
  await sending;
  return said;
}

/** Sends the beginning, then a byte now and then until it is cut off; everything that was said, and when that was. */
async function drip(socket: Socket, beginning: string): Promise<{ said: string; ms: number }> {
  const begunAt = performance.now();
  let said = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (said += chunk));
  socket.write(beginning);
  const timer = setInterval(() => socket.write('x'), isMeasuring ? 1000 : 100);
  // Also by a reset, which is an error first.
  await new Promise((settle) => socket.once('close', settle));
  clearInterval(timer);
  return { said, ms: performance.now() - begunAt };
}

/** Answers to somebody well behaved who asks so often, or on and on. */
async function pingedMs(url: string, times: number, isOver = () => true): Promise<Answer[]> {
  const answers: Answer[] = [];
  while (answers.length < times || !isOver()) {
    const atMs = performance.now();
    const answer = await fetch(url + live);
    await answer.text();
    answers.push({ status: answer.status, cache: null, atMs, ms: performance.now() - atMs });
  }
  return answers;
}
