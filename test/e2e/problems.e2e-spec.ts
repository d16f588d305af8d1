import { once } from 'node:events';
import { connect } from 'node:net';
import { DatabaseOutage } from '../../src/database/database-outage.js';
import { AnsweredProblems } from '../../src/http/answered-problems.js';
import { encodeCursor } from '../../src/http/page.dto.js';
import type { ProblemCode } from '../../src/http/problem.js';
import { pollUntil } from '../support/processes.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

describe('problems', () => {
  let database: TestDatabase;
  let service: TestApp;

  beforeAll(async () => {
    database = await createTestDatabase();
    service = await startTestApp({ env: { DATABASE_URL: database.url, BODY_LIMIT: '4096' } });
  });

  afterAll(async () => {
    await service.close();
    await database.drop();
  });

  const users = '/api/v3/users';
  const post = (body: string, type = 'application/json') =>
    service.request.post(users).set('content-type', type).send(body);
  const problem = (status: number, code: ProblemCode) => ({ status, code, type: `/problems/${code}` });

  it.each([
    ['an unknown path', () => service.request.get('/api/v3/nothing'), problem(404, 'not_found')],
    ['an unknown thing', () => service.request.get(`${users}/NOBODY`), problem(404, 'not_found')],
    ['a wrong method', () => service.request.delete(users), problem(405, 'method_not_allowed')],
    ['broken JSON', () => post('{"code": '), problem(400, 'bad_request')],
    [
      'JSON that poisons prototypes',
      () => post('{"__proto__": {"role": "admin"}}'),
      problem(400, 'bad_request'),
    ],
    [
      'JSON that poisons constructors',
      () => post('{"constructor": {"prototype": {}}}'),
      problem(400, 'bad_request'),
    ],
    ['an empty body', () => post(''), problem(400, 'validation_failed')],
    [
      'an empty body where no field is required',
      () => service.request.patch(`${users}/NOBODY`).set('content-type', 'application/json').send(''),
      problem(400, 'validation_failed'),
    ],
    [
      'no body where no field is required',
      () => service.request.patch(`${users}/NOBODY`),
      problem(400, 'validation_failed'),
    ],
    ['a list for an object', () => post('[]'), problem(400, 'validation_failed')],
    ['a number for an object', () => post('7'), problem(400, 'validation_failed')],
    ['null for an object', () => post('null'), problem(400, 'validation_failed')],
    [
      'a body that is too large',
      () => post(JSON.stringify({ code: 'x'.repeat(5000) })),
      problem(413, 'payload_too_large'),
    ],
    [
      'a form',
      () => post('code=STU001', 'application/x-www-form-urlencoded'),
      problem(415, 'unsupported_media_type'),
    ],
    ['plain text', () => post('STU001', 'text/plain'), problem(415, 'unsupported_media_type')],
    ['a content type that is none', () => post('{}', 'nonsense'), problem(415, 'unsupported_media_type')],
    [
      'an unknown parameter',
      () => service.request.get(`${users}?order=code`),
      problem(400, 'validation_failed'),
    ],
    [
      'a cursor of another list',
      () => service.request.get(`${users}?cursor=abc`),
      problem(400, 'validation_failed'),
    ],
    ['a path that is no text', () => service.request.get(`${users}/%ff`), problem(400, 'bad_request')],
    [
      'a parameter that is too long',
      () => service.request.get(`${users}/${'x'.repeat(300)}`),
      problem(414, 'uri_too_long'),
    ],
  ])('answers %s with a problem, and counts it', async (_, send, expected) => {
    const { counts } = service.app.get(AnsweredProblems);
    const before = counts.get(expected.code)!;

    const answer = await send();

    expect(counts.get(expected.code)).toBe(before + 1);

    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.status).toBe(expected.status);
    expect(answer.body).toMatchObject({ ...expected, request_id: answer.headers['x-request-id'] });
    expect(answer.body.title).toMatch(/^[A-Z]/);
  });

  it.each(['application/merge-patch+json', 'text/plain', 'nonsense'])(
    'says what to send instead of %s',
    async (type) => {
      const answer = await service.request.patch(`${users}/STU001`).set('content-type', type).send('{}');

      expect([answer.status, answer.body.detail]).toEqual([
        415,
        'Send application/json, or lines as application/x-ndjson where they are taken.',
      ]);
    },
  );

  it('takes an upload that breaks off for one, and not for a lost database', async () => {
    const { counts } = service.app.get(AnsweredProblems);
    const before = new Map(counts);
    const found = jest.spyOn(service.app.get(DatabaseOutage), 'found');
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
    socket.write(
      `POST ${users} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n` +
        'Expect: 100-continue\r\n\r\n',
    );
    // Whoever is told to go on is being read.
    await once(socket, 'data');
    socket.resetAndDestroy();

    await pollUntil(() => counts.get('bad_request') === before.get('bad_request')! + 1, 5000);
    expect(counts.get('database_unavailable')).toBe(before.get('database_unavailable'));
    expect(found).not.toHaveBeenCalled();
  });

  it('names the methods that a path does answer to', async () => {
    for (const path of [users, users.replace('u', '%75')]) {
      const answer = await service.request.delete(path);

      expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD, POST']);
    }
  });

  it.each(['events%3Abatch', 'users%2FSTU001'])('knows no path %s that the router does not', async (path) => {
    for (const method of ['post', 'delete'] as const)
      expect((await service.request[method](`/api/v3/${path}`)).status).toBe(404);
  });

  it('points at each value that does not fit', async () => {
    const answer = await post(JSON.stringify({ code: 7, role: 'king', surprise: true }));

    expect(answer.body.code).toBe('validation_failed');
    expect(answer.body.errors).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ pointer: '/role', code: 'in' }),
        expect.objectContaining({ pointer: '/surprise', code: 'unknown' }),
      ]),
    );
    const query = await service.request.get(`${users}?limit=1000`);
    expect(query.body.errors).toEqual([
      { pointer: '/query/limit', code: 'max', detail: 'limit must not be greater than 200' },
    ]);
  });

  it.each(['abc', '', '0x10', '1e1', '%201', '1%20', '1.0', '%2B1', '1&limit=2', '9'.repeat(400)])(
    'takes no number but an integer: limit=%s',
    async (limit) => {
      const { body } = await service.request.get(`${users}?limit=${limit}`);

      expect(body.errors).toEqual([
        { pointer: '/query/limit', code: 'int', detail: 'limit must be an integer number' },
      ]);
    },
  );

  it.each(['1', '200', '007'])('takes an integer: limit=%s', async (limit) => {
    expect((await service.request.get(`${users}?limit=${limit}`)).status).toBe(200);
  });

  it.each([
    ['a list for the body', '', () => post('[]')],
    ['null for the body', '', () => post('null')],
    ['a number for the body', '', () => post('7')],
    ['a text for the body', '', () => post('"STU001"')],
    ['a boolean for the body', '', () => post('true')],
    ['no cursor at all', '/query/cursor', () => service.request.get(`${users}?cursor=abc`)],
    [
      'a cursor of another list',
      '/query/cursor',
      () => service.request.get(`/api/v3/enrollments?cursor=${encodeCursor('users', ['STU050'])}`),
    ],
    [
      'a moment that has not come',
      '/path/as_of',
      () => service.request.get('/api/v3/analytics/students/S/at/2999-01-01T00:00:00Z'),
      'unprocessable',
    ],
    ['a moment that is none', '/path/as_of', () => service.request.get('/api/v3/analytics/students/S/at/x')],
    [
      'a key that cannot be used',
      '/header/idempotency-key',
      () => post('{"user_id":"STU001","role":"student"}').set('Idempotency-Key', 'a b'),
    ],
  ])(
    'points at what does not fit, wherever it is: %s',
    async (_, pointer, send, code = 'validation_failed') => {
      const { body } = await send();

      expect(body).toMatchObject({ code, errors: [{ pointer }] });
    },
  );

  it.each([
    ['a sane id', 'abc-123.x:y', true],
    ['no id', undefined, false],
    ['an id with spaces', 'a b', false],
    ['an id that is too long', 'x'.repeat(200), false],
  ])('names each request: %s', async (_, given, isKept) => {
    const request = service.request.get('/health/live');
    if (given !== undefined) void request.set('x-request-id', given);

    const answer = await request;

    if (isKept) expect(answer.headers['x-request-id']).toBe(given);
    else expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each([
    [
      'headers that are too large',
      `GET / HTTP/1.1\r\nHost: x\r\nX-Big: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    [
      'an address that is too long',
      `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    ['what is not HTTP', 'nonsense\r\n\r\n', 400, 'bad_request'],
    [
      'two lengths',
      'POST /api/v3/users HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      400,
      'bad_request',
    ],
  ])('answers %s with a problem, and closes', async (_, text, status, code) => {
    const answer = await raw(service.url, text);

    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain('application/problem+json');
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ status, code });
  });
});

/** Everything the server says to `text` before it closes the connection. */
async function raw(url: string, text: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
  socket.on('error', () => undefined).setTimeout(5000, () => socket.destroy());
  socket.write(text);
  await once(socket, 'close');
  return answer;
}
