import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { CacheService, RedisService } from '../../src/cache/index.js';
import { RateLimits } from '../../src/rate-limit/rate-limits.js';
import { AppLogger } from '../../src/telemetry/app-logger.js';
import { figure } from '../support/figures.js';
import { PlainClient } from '../support/plain-client.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

const origin = 'https://campus.example.org';
const users = '/api/v3/users';
const user = JSON.stringify({ code: 'X' });

let database: TestDatabase;
let service: TestApp;

beforeAll(async () => {
  database = await createTestDatabase();
  service = await startTestApp({ env: { DATABASE_URL: database.url, ALLOWED_ORIGINS: origin } });
});

afterAll(async () => {
  await service.close();
  await database.drop();
});

const open = (url = service.url) => connect(Number(new URL(url).port), '127.0.0.1').setEncoding('latin1');

/** Everything that is said until the connection is closed. */
async function saidUntilClosed(socket: Socket): Promise<string> {
  let said = '';
  socket.on('data', (chunk: string) => (said += chunk)).on('error', () => undefined);
  socket.setTimeout(10_000, () => socket.destroy(new Error('not closed')));
  await new Promise((settle) => socket.once('close', settle));
  return said;
}

async function say(text: string, url?: string): Promise<string> {
  const socket = open(url);
  socket.write(text, 'latin1');
  return saidUntilClosed(socket);
}

const statuses = (said: string) =>
  [...said.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status));
const get = (path: string, ...lines: string[]) =>
  ['GET ' + path + ' HTTP/1.1', 'Host: x', 'Connection: close', ...lines, '', ''].join('\r\n');
const post = (body: string, ...lines: string[]) =>
  [`POST ${users} HTTP/1.1`, 'Host: x', 'Content-Type: application/json', ...lines, '', body].join('\r\n');
const manyHeaders = Array.from({ length: 1000 }, (_, n) => `X-${n}: a`);

describe('A23: requests that are not what they should be', () => {
  it.each([
    ['huge headers', get('/health/live', `X-Big: ${'x'.repeat(20_000)}`), [431]],
    ['a thousand headers', get('/health/live', ...manyHeaders), [431]],
    ['an address of 20 kB', get(`/${'x'.repeat(20_000)}`), [431]],
    ['an address of 10 kB', get(`/health/live?${'x'.repeat(10_000)}`), [414]],
    ['an address of 10 kB that leads nowhere', get(`/${'x'.repeat(10_000)}`), [414]],
    ['no address but the server itself', get('*'), [404]],
    ['the server itself, of no host', 'GET * HTTP/1.1\r\nConnection: close\r\n\r\n', [400]],
    ['an address of another scheme', get('ftp://x/health/live'), [404]],
    ['a fragment', get('/health/live#x'), [400]],
    ['a fragment in the place of a query', get(`${users}#limit=1`), [400]],
    ['a fragment behind a query', get(`${users}?limit=1#x`), [400]],
    ['half a percent sign', get('/api/v3/users/%'), [400]],
    ['bytes that are no UTF-8', get('/api/v3/users/%c3%28'), [400]],
    ['raw bytes in the address', get('/api/v3/users/\xff\xfe'), [400, 404]],
    [
      'both lengths (CL.TE)',
      post(
        '0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n',
        'Content-Length: 6',
        'Transfer-Encoding: chunked',
      ),
      [400],
    ],
    [
      'both lengths (TE.CL)',
      post('5c\r\nGPOST / HTTP/1.1\r\n\r\n0\r\n\r\n', 'Transfer-Encoding: chunked', 'Content-Length: 4'),
      [400],
    ],
    ['a transfer coding nobody knows', post('', 'Transfer-Encoding: chunked, identity'), [400]],
    ['a transfer coding with a tab', post('', 'Transfer-Encoding:\tchunked, xchunked'), [400]],
    ['two different lengths', post('ab', 'Content-Length: 1', 'Content-Length: 2'), [400]],
    ['a length with a sign', post('ab', 'Content-Length: +2'), [400]],
    ['a chunk size that is none', post('xyz\r\n', 'Transfer-Encoding: chunked'), [400]],
    ['a bare line feed between headers', 'GET /health/live HTTP/1.1\nHost: x\n\n', [400]],
    ['a folded header', get('/health/live', 'X-Folded: a', ' b'), [400]],
    ['a header with a space before its colon', get('/health/live', 'X-Space : a'), [400]],
    ['no host', 'GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n', [400]],
    ['two hosts', get('/health/live', 'Host: y'), [400]],
    ...['a b', 'a/c', 'user@x', 'x:y', 'x:1:2', '[::1', 'a%2', 'x?y', 'm\xfcller', '"x"'].map(
      (host): [string, string, number[]] => [
        `a host that is none: ${host}`,
        get('/health/live').replace('Host: x', `Host: ${host}`),
        [400],
      ],
    ),
    ['HTTP/0.9', 'GET /health/live\r\n\r\n', [400]],
    ['HTTP/2 without asking', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400]],
    ['a method nobody knows', 'BREW /health/live HTTP/1.1\r\nHost: x\r\n\r\n', [400]],
    ['a NUL in a header', get('/health/live', 'X-Nul: a\0b'), [400]],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [400]],
  ])('%s', async (_, text, expected) => {
    const said = await say(text);

    expect(statuses(said)).toHaveLength(1);
    expect(expected).toContain(statuses(said)[0]);
    expect(said).toContain('application/problem+json');
    expect(said).toContain('x-content-type-options: nosniff');
    expect(said).not.toContain('smuggled');
  });

  it.each(['', 'x', 'x:', 'x:8000', '127.0.0.1:80', '[::1]:8000', '[fe80::1]', 'a_b.example', 'm%C3%BCller'])(
    'takes the host %p',
    async (host) => {
      expect(statuses(await say(get('/health/live').replace('Host: x', `Host: ${host}`)))).toEqual([200]);
    },
  );

  it('answers what is good before garbage in one go, and closes at the garbage', async () => {
    const said = await say(
      'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n\0\0garbage\r\n\r\nGET / HTTP/1.1\r\n\r\n',
    );

    expect(statuses(said).at(-1)).toBe(400);
    expect(statuses(said).slice(0, -1)).toEqual(
      statuses(said)
        .slice(0, -1)
        .map(() => 200),
    );
  });

  it('that expects what nobody knows is answered like any other', async () => {
    const said = await say(get('/health/live', 'Expect: something'));

    expect(statuses(said)).toEqual([200]);
    expect(said).toMatch(/^x-request-id: ./im);
    expect(said).toContain('{"status":"ok"}');
  });

  it('is alive after all that', async () => {
    expect((await service.request.get('/health/live')).status).toBe(200);
  });
});

describe('F49: bodies that are too large', () => {
  it('refuses a declared gigabyte unread', async () => {
    const socket = open();
    const said = saidUntilClosed(socket);
    const since = performance.now();
    socket.write(post('', 'Content-Length: 1073741824', 'Connection: close'));

    expect(statuses(await said)).toEqual([413]);
    figure('F49', 'a gigabyte declared, and not sent: answer, ms', performance.now() - since, {
      atMost: 1000,
    });
  });

  it('counts what comes in chunks without a length', async () => {
    const socket = open();
    const said = saidUntilClosed(socket);
    socket.write(post('', 'Transfer-Encoding: chunked', 'Connection: close'));
    for (let sent = 0; sent < 16; sent++) socket.write(`10000\r\n${' '.repeat(65_536)}\r\n`);
    socket.write('1\r\n \r\n');

    expect(statuses(await said)).toEqual([413]);
  });

  it.each([
    ['JSON is not taken compressed', users, 'application/json', 415],
    ['lines are counted when they are inflated', '/api/v3/events:batch', 'application/x-ndjson', 413],
  ])('%s', async (_, path, type, status) => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '), { level: 9 });
    const answer = await fetch(service.url + path, {
      method: 'POST',
      headers: { 'content-type': type, 'content-encoding': 'gzip' },
      body: bomb,
    });

    expect(answer.status).toBe(status);
  });
});

it.each([
  ['text/xml', 415],
  ['application/xml', 415],
  ['multipart/form-data; boundary=x', 415],
  ['application/x-www-form-urlencoded', 415],
  ['text/plain', 415],
  ['application/json; charset=utf-7', 415],
  ['application/json;charset="utf-16"', 415],
  ['application/jsonx', 415],
  ['application/json; charset=utf-8', 400],
  ['application/json;charset="UTF-8"', 400],
  ['application/json', 400],
])('A33: a body that says it is %s gets %d', async (type, status) => {
  const answer = await fetch(service.url + users, {
    method: 'POST',
    headers: { 'content-type': type },
    body: user,
  });

  expect(answer.status).toBe(status);
});

it('A33: a body in another character set is refused, and nothing of it stored', async () => {
  const latin1 = Buffer.from(
    JSON.stringify({ user_id: 'LATIN1', role: 'student', full_name: 'M\u00fcller' }),
    'latin1',
  );
  const answer = await fetch(service.url + users, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: latin1,
  });

  expect([answer.status, await answer.json()]).toEqual([
    400,
    expect.objectContaining({ code: 'bad_request', detail: 'The body is no text in UTF-8.' }),
  ]);
  await service.request.get(`${users}/LATIN1`).expect(404);
});

describe('A24: whom the answer is for', () => {
  // So that a page of one has another after it.
  beforeAll(async () => {
    for (const user_id of ['PAGE1', 'PAGE2'])
      await service.request.post(users).send({ user_id, role: 'student' }).expect(201);
  });

  it.each([
    ['a host of somebody else', get('/', 'X-Forwarded-Host: evil.example')],
    ['an absolute address', 'GET http://evil.example/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
    [
      'an absolute address that is told the next page',
      `GET http://evil.example${users}?limit=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    ],
    [
      'an absolute address that leads nowhere',
      'GET http://evil.example?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    ],
    ['a host that is no host', 'GET / HTTP/1.1\r\nHost: evil.example@x\r\nConnection: close\r\n\r\n'],
  ])('does not repeat %s', async (_, text) => {
    const said = await say(text);

    expect(statuses(said)).toHaveLength(1);
    expect([200, 400, 404]).toContain(statuses(said)[0]);
    expect(said).not.toContain('evil.example');
  });

  it('finds the same answer kept whatever host an absolute address names', async () => {
    const stats = (host: string) =>
      say(`GET ${host}/api/v3/system/stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    await stats('');
    await service.app.get(CacheService).settle();

    expect(await stats('http://evil.example')).toMatch(/^x-cache: hit/im);
  });

  it('A22: finds the same answer kept however its address is escaped', async () => {
    const stats = (path: string) =>
      say(`GET /api/v3/${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    await stats('system/stats');
    await service.app.get(CacheService).settle();
    const before = service.app.get(CacheService).stats().l1.entries;

    for (const path of ['%73ystem/stats', 'system/st%61ts', '%73%79%73%74%65%6D/%73%74%61%74%73']) {
      expect(await stats(path)).toMatch(/^x-cache: hit/im);
    }
    expect(service.app.get(CacheService).stats().l1.entries).toBe(before);
  });

  it.each([
    [origin, true],
    ['null', false],
    ['https://evil.example', false],
    [`${origin}.evil.example`, false],
    [origin.replace('https', 'http'), false],
    [`${origin}:444`, false],
  ])('lets pages of %s read: %s', async (asking, isAllowed) => {
    for (const method of ['GET', 'OPTIONS']) {
      const answer = await fetch(service.url + users, {
        method,
        headers: { origin: asking, 'access-control-request-method': 'GET' },
      });
      const allowed = answer.headers.get('access-control-allow-origin');

      expect(allowed === asking).toBe(isAllowed);
      expect(allowed).not.toBe('*');
      expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
      expect(answer.headers.get('vary')).toMatch(/\borigin\b/i);
    }
  });

  it.each(['PUT', 'PATCH', 'DELETE'])('lets pages of an allowed origin %s', async (method) => {
    const answer = await fetch(`${service.url}${users}/X`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': method },
    });

    expect(answer.headers.get('access-control-allow-methods')?.split(', ')).toContain(method);
    expect(answer.headers.get('access-control-max-age')).toBe('600');
  });

  it.each<[string, Record<string, string>]>([
    ['a preflight', { origin, 'access-control-request-method': 'GET' }],
    ['one of a stranger', { origin: 'https://evil.example', 'access-control-request-method': 'GET' }],
    ['one that names no method', { origin }],
    ['one that no browser sends', {}],
  ])('answers OPTIONS like any other request: %s', async (_, headers) => {
    const answer = await fetch(service.url + users, { method: 'OPTIONS', headers });

    expect(answer.status).toBe(204);
    expect(answer.headers.get('x-request-id')).toMatch(/./);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('cache-control')).toBe('private, no-store');
  });

  it.each([
    ['an address that is too long', get(`/${'x'.repeat(9000)}`, `Origin: ${origin}`), 414],
    ['a parameter that is too long', get(`${users}/${'x'.repeat(300)}`, `Origin: ${origin}`), 414],
    ['too many headers', get('/', `Origin: ${origin}`, ...manyHeaders.slice(0, 120)), 431],
    [
      'another character set',
      post('{}', `Origin: ${origin}`, 'Content-Length: 2', 'Connection: close').replace(
        '/json',
        '/json;charset=x',
      ),
      415,
    ],
    ['a path that cannot be decoded', get(`${users}/%zz`, `Origin: ${origin}`), 400],
  ])('lets pages of an allowed origin read a refusal: %s', async (_, text, status) => {
    const said = await say(text);
    const stranger = await say(text.replace(origin, 'https://evil.example'));

    for (const answer of [said, stranger]) {
      expect(statuses(answer)).toEqual([status]);
      expect(answer).toMatch(/^vary: .*\borigin\b/im);
      expect(answer).toMatch(/^access-control-expose-headers: .*X-Request-Id/im);
    }
    expect(said).toMatch(new RegExp(`^access-control-allow-origin: ${origin}\r$`, 'im'));
    expect(stranger).not.toMatch(/^access-control-allow-origin/im);
  });

  it('knows no path the more for letting pages read', async () => {
    for (const method of ['GET', 'DELETE']) {
      const answer = await fetch(`${service.url}/api/v3/nothing`, { method, headers: { origin } });

      expect([answer.status, answer.headers.get('allow')]).toEqual([404, null]);
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
    }
    expect(
      (await fetch(`${service.url}/api/v3/system/stats`, { method: 'DELETE' })).headers.get('allow'),
    ).toBe('GET, HEAD');
  });

  it('lets pages of an allowed origin read every field that the API describes', async () => {
    const answer = await fetch(service.url + users, { headers: { origin } });
    const description = (await (await fetch(`${service.url}/api/v3/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { responses: Record<string, { headers?: object }> }>>;
    };

    const fields = Object.values(description.paths)
      .flatMap((path) => Object.values(path))
      .flatMap(({ responses }) => Object.values(responses))
      .flatMap(({ headers = {} }) => Object.keys(headers));
    expect(fields).toContain('ETag');
    const exposed = answer.headers.get('access-control-expose-headers')?.split(', ');
    // The rest is any page's to read (Fetch, 2.2.2).
    const toExpose = fields.filter((field) => field !== 'Cache-Control');
    expect(exposed).toEqual(expect.arrayContaining(toExpose));
  });
});

it.each(['/health/live', '/health/ready', '/health/startup', '/health/ready?verbose=1'])(
  'A28: %s tells its status and nothing else',
  async (path) => {
    const answer = await fetch(service.url + path);

    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ status: 'ok' });
    expect(answer.headers.get('server')).toBeNull();
    expect(answer.headers.get('x-powered-by')).toBeNull();
  },
);

it('A37: no request forges a line of the log or steers a terminal', async () => {
  const written: string[] = [];
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    written.push(String(chunk));
    return true;
  });
  try {
    await database.dataSource.query('ALTER TABLE users RENAME TO hidden');
    const answer = await fetch(`${service.url}${users}/forged`, {
      headers: { 'user-agent': 'x'.repeat(8000), 'x-request-id': '00:00:00 - ERROR - forged' },
    });
    expect(answer.status).toBe(500);
    expect(statuses(await say(get('/', `User-Agent: ${'x'.repeat(1_000_000)}`)))).toEqual([431]);
  } finally {
    await database.dataSource.query('ALTER TABLE hidden RENAME TO users');
    write.mockRestore();
  }

  const lines = written.join('').split('\n').filter(Boolean);
  expect(lines.some((line) => line.includes('forged'))).toBe(true);
  // Frames of the stack are the only lines that belong to another.
  for (const line of lines) {
    expect(line).toMatch(/^(\d\d:\d\d:\d\d - [A-Z]+ - | {4}at )/);
    expect(line.length).toBeLessThan(2100);
    // oxlint-disable-next-line no-control-regex -- these are what must not be there
    expect(line).not.toMatch(/[\u0000-\u001f\u007f\u2028]/);
    expect(line).not.toContain('xxxx');
  }
});

describe('the log at debug', () => {
  /** What ends a line, steers a terminal, or turns the rest of a line around. */
  const tricks = [
    ...['\n', '\r\n', '\r', '\v', '\f', '\u0085', '\u2028', '\u2029'],
    ...['\0', '\u001b[2J', '\u009b2J', '\u007f', '\u202e', '\u2066'],
  ];
  const unsafe = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
  /** What begins a line of each kind, and is no moment. */
  const forgeries = {
    text: '99:99:99 - ERROR - forged',
    json: '{"time":"forged","level":"error","message":"forged"}',
  };

  // Nest has one logger for all: that of the last application.
  afterAll(() => {
    service.app.useLogger(service.app.get(AppLogger));
  });

  /** Every line that is written while all of this is asked of a service, and of another that fails whoever asks. */
  async function linesOf(format: 'text' | 'json', texts: readonly string[]): Promise<string[]> {
    const written: string[] = [];
    const write = jest.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
      written.push(String(chunk));
      return true;
    });
    try {
      const env = { DATABASE_URL: database.url, LOG_LEVEL: 'debug', LOG_FORMAT: format };
      const { app, url, close } = await startTestApp({ env });
      const client = new PlainClient(url, 8);
      const ask = async () => {
        await Promise.all(texts.flatMap(requestsWith).map((request) => client.send(request)));
        // In a header HTTP allows a tab and bytes above 127, which may be controls too; Node refuses the others.
        for (const raw of ['\t', '\f', '\x1b[2J', '\x7f', '\x85', '\x9b2J']) {
          await say(get(`${users}/a${raw}${forgeries.text}`.replaceAll(' ', '%20')), url);
          await say(get('/api/v3/system/stats', `X-Request-Id: a${raw}${forgeries[format]}`), url);
        }
      };
      await ask();
      for (const text of texts) {
        await app.get(CacheService).invalidate(`course:${text}`);
        await app.get(RedisService).deletePattern(text);
      }
      jest.spyOn(app.get(RateLimits), 'admit').mockImplementation(() => {
        throw new Error(`${texts.join('')}\n    at ${forgeries[format]}`);
      });
      await ask();
      client.close();
      await close();
    } finally {
      write.mockRestore();
    }
    const lines = written.join('').split('\n');
    expect(lines.pop()).toBe('');
    // Of each text the paths of four routes, a tag and a pattern.
    expect(lines.filter((line) => line.includes('forged')).length).toBeGreaterThanOrEqual(texts.length * 6);
    return lines;
  }

  /** One text in every place of a request that somebody fills, on routes with a cache and without. */
  function requestsWith(text: string) {
    const encoded = encodeURIComponent(text);
    const paths = [
      ...[users, '/api/v3/courses', '/api/v3/analytics/students', '/api/v3/analytics/courses'].map(
        (path) => `${path}/${encoded}`,
      ),
      ...[users, '/api/v3/system/stats', '/api/v3/analytics/students/STU001'].flatMap((path) => [
        `${path}?course_id=${encoded}`,
        `${path}?${encoded}=1`,
      ]),
      `/${encoded}`,
    ];
    const body = JSON.stringify({ user_id: text, full_name: text, role: text, [text]: text });
    const headers = { 'content-type': 'application/json' };
    return [
      ...paths.map((path) => ({ path })),
      { method: 'POST', path: users, headers, body },
      { method: 'POST', path: users, headers, body: `${body}${text}` },
      {
        method: 'POST',
        path: '/api/v3/events:batch',
        headers: { 'content-type': 'application/x-ndjson' },
        body: `${body}\n${text}`,
      },
    ];
  }

  it('A37: is one record a line, however a request is written (text)', async () => {
    const texts = tricks.map((trick) => `a${trick}${forgeries.text}`);

    const lines = await linesOf('text', texts);

    const record = /^([0-2]\d:[0-5]\d:[0-5]\d - (ERROR|WARNING|INFO|DEBUG) - | {4}at )/;
    expect(lines.filter((line) => !record.test(line) || unsafe.test(line))).toEqual([]);
    // Frames of a stack are told of failures; the words of those that failed are not.
    expect(lines.filter((line) => /^ {4}at .*forged/.test(line))).toEqual([]);
  });

  it('A37: is one record a line, however a request is written (JSON)', async () => {
    const texts = tricks.map((trick) => `a${trick}${forgeries.json}`);

    const lines = await linesOf('json', texts);

    const told: string[] = [];
    // Whoever shows a field shows what was escaped in it.
    const keep = (_: string, value: unknown) => {
      if (typeof value === 'string') told.push(value);
      return value;
    };
    const records = lines.map((line) => JSON.parse(line, keep) as Record<string, unknown>);
    expect([...lines, ...told].filter((text) => unsafe.test(text))).toEqual([]);
    for (const record of records) {
      expect(record).toMatchObject({
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        level: expect.stringMatching(/^(error|warn|info|debug)$/),
        message: expect.not.stringMatching(/^forged/),
      });
      expect(String(record.stack)).not.toContain('forged');
    }
  });
});
