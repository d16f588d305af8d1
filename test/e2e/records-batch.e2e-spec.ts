import { randomUUID } from 'node:crypto';
import { Agent, request as httpRequest, type RequestOptions } from 'node:http';
import { gzipSync } from 'node:zlib';
import { CacheService } from '../../src/cache/index.js';
import type { CreateEventDto } from '../../src/records/events/event.dto.js';
import { EventWriter } from '../../src/records/events/event-writer.js';
import { patientDatabase } from '../support/patient-database.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { peopleOfTwoCourses } from '../support/two-courses.js';
import { countingReads } from '../support/watched-statements.js';

type Event = Record<string, unknown>;

describe('a batch of events', () => {
  let database: TestDatabase;
  let app: TestApp;

  const path = '/api/v3/events:batch';
  const event = (more: Event = {}): Event => ({
    id: randomUUID(),
    student_id: 'STU001',
    course_id: 'PROG-101',
    verb: 'viewed',
    occurred_at: '2026-02-05T18:52:18Z',
    ...more,
  });
  const events = (count: number, more: (n: number) => Event = () => ({})) =>
    Array.from({ length: count }, (_, n) => event(more(n)));
  const lines = (...batch: (Event | string)[]) =>
    batch.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  const send = (body: string | Buffer, query = '', headers: Record<string, string> = {}) =>
    app.request
      .post(path + query)
      .set({ 'Content-Type': 'application/x-ndjson', ...headers })
      .serialize((data: unknown) => data as string)
      .send(body);
  const stored = async () =>
    (await database.dataSource.query<{ n: number }[]>('SELECT count(*)::int AS n FROM events'))[0]!.n;

  beforeAll(async () => {
    database = await createTestDatabase();
    await peopleOfTwoCourses(database.dataSource);
    await database.dataSource.query(
      `INSERT INTO users (code, role) SELECT 'MANY' || n, 'student' FROM generate_series(1, 501) n`,
    );
    await database.dataSource.query(`UPDATE courses SET first_trace_at = '2026-01-15T00:00:00Z'`);
    app = await startTestApp({ env: { DATABASE_URL: database.url, ...patientDatabase } });
  });
  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  it('of 10,000 lines is taken, and again as duplicates', async () => {
    const before = await stored();
    const batch = lines(...events(10_000, (n) => ({ student_id: n % 2 ? 'STU001' : 'STU003', data: { n } })));

    const first = await send(batch);
    expect(first.status).toBe(200);
    expect(first.body).toEqual({
      received: 10_000,
      accepted: 10_000,
      duplicates: 0,
      rejected: 0,
      errors: [],
      invalidated_tags: ['system', 'course:PROG-101', 'student:STU003', 'student:STU001'],
    });
    const again = await send(batch);
    expect(again.body).toMatchObject({ accepted: 0, duplicates: 10_000, rejected: 0, invalidated_tags: [] });
    expect((await stored()) - before).toBe(10_000);
  });

  it('of 10,001 lines is too large, and keeps the first 10,000', async () => {
    const invalidate = jest.spyOn(app.app.get(CacheService), 'invalidate');
    const before = await stored();
    const answer = await send(lines(...events(10_001)));
    expect([answer.status, answer.body.code]).toEqual([413, 'payload_too_large']);

    // What was written before that is known to the cache too.
    expect((await stored()) - before).toBe(10_000);
    expect(invalidate.mock.calls).toEqual([['system', 'course:PROG-101', 'student:STU001']]);
    invalidate.mockRestore();
  });

  it('may be compressed', async () => {
    const answer = await send(gzipSync(lines(...events(1500))), '', { 'Content-Encoding': 'gzip' });
    expect(answer.body).toMatchObject({ received: 1500, accepted: 1500 });
  });

  it.each([
    ['no gzip at all', Buffer.from('{}\n')],
    [
      'a gzip that breaks off',
      gzipSync(lines(event({ data: { text: randomUUID().repeat(50) } }))).subarray(0, -20),
    ],
  ])('that is called gzip but is %s is refused', async (_, body) => {
    const answer = await send(body, '', { 'Content-Encoding': 'gzip' });
    expect([answer.status, answer.body.code]).toEqual([400, 'bad_request']);
  });

  it('that inflates beyond 8 MiB is too large', async () => {
    // A gzip may have many members.
    const mebibyte = gzipSync(Buffer.alloc(1024 * 1024, ' '));
    const bomb = Buffer.concat(Array<Buffer>(256).fill(mebibyte));
    expect(bomb.length).toBeLessThan(1024 * 1024);
    await send(bomb, '', { 'Content-Encoding': 'gzip' }).expect(413);
  });

  it('that is refused before it was read leaves its connection to the next request', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = (options: RequestOptions, body?: Buffer) =>
      new Promise<{ status: number | undefined; port: number | undefined }>((resolve, reject) => {
        const request = httpRequest(app.url + path, { agent, ...options }, (answer) => {
          const port = answer.socket.localPort;
          answer.resume().on('end', () => {
            resolve({ status: answer.statusCode, port });
          });
        });
        request.on('error', reject).end(body);
      });
    const batch = gzipSync(lines(...events(30_000, () => ({ student_id: 'NOBODY' }))));
    const headers = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' };

    const refused = await ask({ method: 'POST', headers }, batch);
    expect(refused.status).toBe(413);
    expect(await ask({ path: '/health/live' })).toEqual({ status: 200, port: refused.port });
    agent.destroy();
  });

  it('longer than 8 MiB is too large, also without a declared length', async () => {
    await send('x'.repeat(8 * 1024 * 1024 + 1)).expect(413);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(app.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
      });
      request.on('response', (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', reject);
      const piece = Buffer.alloc(1024 * 1024, 'x');
      for (let sent = 0; sent < 9; sent++) request.write(piece);
      request.end();
    });
    expect(status).toBe(413);
  });

  it.each([
    ['another type', { 'Content-Type': 'application/json' }],
    ['another encoding', { 'Content-Encoding': 'br' }],
  ])('of %s is not understood', async (_, headers) => {
    await send('[]', '', headers).expect(415);
  });

  it('to a path that there is not is not found', async () => {
    const headers = { 'content-type': 'application/x-ndjson' };
    const answer = await fetch(`${app.url}/api/v3/nowhere`, { method: 'POST', headers, body: '{}' });
    expect(answer.status).toBe(404);
  });

  it('that is empty is taken', async () => {
    expect((await send('\n \r\n')).body).toMatchObject({ received: 0, accepted: 0, invalidated_tags: [] });
  });

  it('names its bad lines and takes the others', async () => {
    const known = event();
    await send(lines(known)).expect(200);
    const twice = event();
    const answer = await send(
      lines(
        event({ occurred_at: '2026-02-05T18:52:18+20:00' }), // 1: PostgreSQL reads no such time zone
        '{"id": ', // 2
        '', // 3
        '[]', // 4
        event({ student_id: 'NOBODY' }), // 5
        event({ course_id: 'NONE' }), // 6
        event({ activity_id: 'PROG-102-A1' }), // 7: of another course
        event({ session_id: 'SES-STU002' }), // 8: of another student
        event({ verb: undefined }), // 9
        event({ occurred_at: '2150-01-01T00:00:00Z' }), // 10
        event({ admin: true }), // 11
        '{"__proto__": {"id": "x"}}', // 12
        { ...known, verb: 'opened' }, // 13: stored with other content
        known, // 14
        twice, // 15
        twice, // 16
        { ...twice, quantity: 9 }, // 17: other content in the same batch
        'null', // 18
        `{"id": "${'x'.repeat(70_000)}"}`, // 19
        event({ activity_id: 'PROG-101-A1', session_id: 'SES-STU001', verb: 'daydreamed' }), // 20
        event({ hasOwnProperty: 1 }), // 21
      ) + '\r\n',
    );

    expect(answer.body).toMatchObject({ received: 20, accepted: 3, duplicates: 2, rejected: 15 });
    expect(answer.body.errors.map(({ line, code }: { line: number; code: string }) => [line, code])).toEqual([
      [2, 'invalid_json'],
      [4, 'invalid_json'],
      [5, 'unknown_student'],
      [6, 'unknown_course'],
      [7, 'unknown_activity'],
      [8, 'unknown_session'],
      [9, 'validation_failed'],
      [10, 'future'],
      [11, 'validation_failed'],
      [12, 'validation_failed'],
      [13, 'conflict'],
      [17, 'conflict'],
      [18, 'invalid_json'],
      [19, 'line_too_long'],
      [21, 'validation_failed'],
    ]);
    expect(answer.body.invalidated_tags).toEqual(['system', 'course:PROG-101', 'student:STU001']);
  });

  it('names also whom it brings known events of beside new ones: whoever brought them first may not have ended', async () => {
    const known = event({ student_id: 'STU003' });
    await send(lines(known));

    const answer = await send(lines(known, event()));

    expect(answer.body).toMatchObject({ accepted: 1, duplicates: 1 });
    expect(answer.body.invalidated_tags).toEqual([
      'system',
      'course:PROG-101',
      'student:STU003',
      'student:STU001',
    ]);
  });

  it('takes the lines beside those that bring a constructor', async () => {
    const poisons = ['null', '1', '"x"', '[]', '{}', '{"prototype":null}'];
    const bad = poisons.map((poison) => lines(event()).replace('{', `{"constructor":${poison},`));
    const answer = await send(lines(...bad, event(), event({ data: { constructor: null } })));
    expect(answer.body).toMatchObject({ received: 8, accepted: 2, rejected: 6 });
  });

  it('names no more than 100 bad lines', async () => {
    const answer = await send('x\n'.repeat(2500));
    expect(answer.body).toMatchObject({ received: 2500, rejected: 2500 });
    expect(answer.body.errors).toHaveLength(100);
  });

  it('is not UTF-8 line by line', async () => {
    const bad = Buffer.concat([Buffer.from('{"verb":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}\n')]);
    const answer = await send(Buffer.concat([bad, Buffer.from(lines(event()))]));
    expect(answer.body).toMatchObject({
      accepted: 1,
      rejected: 1,
      errors: [{ line: 1, code: 'invalid_json' }],
    });
  });

  it.each([
    ['users', 'people there are'],
    ['tutor_sessions', 'sessions a student has had'],
  ])('is looked up in %s by its codes, however many %s', async (table) => {
    await database.dataSource.query(
      `INSERT INTO tutor_sessions (code, user_id, course_id, started_at, last_event_at)
       SELECT 'OLD-' || $1 || n, u.id, c.id, '2026-01-15', '2026-01-15' FROM users u, courses c, generate_series(1, 2000) n
       WHERE u.code = 'STU001' AND c.code = 'PROG-101'`,
      [table],
    );
    await database.dataSource.query('ANALYZE users, tutor_sessions');
    const batch = events(10, () => ({ session_id: null }));
    batch.push(event({ session_id: `OLD-${table}7` }));

    const { given, read } = await countingReads(database.dataSource, table, ({ manager }) =>
      new EventWriter().write(manager, batch as unknown as CreateEventDto[]),
    );

    expect(given).toEqual(batch.map(() => 'accepted'));
    expect(read).toBeLessThan(100);
  });

  it('drops the course as a whole when over 500 of its students are in it', async () => {
    const batch = events(501, (n) => ({ student_id: `MANY${n + 1}` }));
    const answer = await send(lines(...batch, event({ student_id: 'STU002', course_id: 'PROG-102' })));
    expect(answer.body.invalidated_tags).toEqual([
      'system',
      'course:PROG-101',
      'course:PROG-102',
      'roster:PROG-101',
      'student:STU002',
    ]);
  });

  it('names all of a course of which nothing so early was known', async () => {
    const early = (more: Event) => event({ course_id: 'PROG-102', student_id: 'STU002', ...more });
    const answer = await send(
      lines(
        event(),
        early({ occurred_at: '2026-01-14T00:00:00Z' }),
        early({ occurred_at: '2026-01-13T00:00:00Z' }),
      ),
    );
    expect(answer.body.invalidated_tags).toEqual([
      'system',
      'course:PROG-101',
      'course:PROG-102',
      'roster:PROG-102',
      'student:STU001',
      'student:STU002',
    ]);
    const again = await send(lines(early({ occurred_at: '2026-01-13T00:00:00Z' })));
    expect(again.body.invalidated_tags).toEqual(['system', 'course:PROG-102', 'student:STU002']);
  });

  describe('that is atomic', () => {
    it.each([
      ['a line that cannot be read', () => '{'],
      ['a line that the database refuses', () => event({ student_id: 'NOBODY' })],
    ])('writes nothing for %s', async (_, badLine) => {
      const before = await stored();
      const answer = await send(lines(...events(1200), badLine(), ...events(5)), '?atomic=true');
      expect([answer.status, answer.body.code]).toEqual([422, 'batch_rejected']);
      expect(answer.body.errors).toMatchObject([{ pointer: '/lines/1201' }]);
      expect(await stored()).toBe(before);
    });

    it('writes all if all are good', async () => {
      const batch = events(1200);
      const answer = await send(lines(...batch, batch[0]!), '?atomic=true');
      expect(answer.body).toMatchObject({ received: 1201, accepted: 1200, duplicates: 1 });
    });

    it('says so with true or false', async () => {
      await send(lines(event()), '?atomic=1').expect(400);
      await send(lines(event()), '?atomic=false').expect(200);
    });
  });

  it('sent ten times at once, in any order, is written once', async () => {
    const batch = events(300, (n) => ({ student_id: n % 2 ? 'STU001' : 'STU003' }));
    const before = await stored();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => send(lines(...(n % 2 ? batch : [...batch].reverse())))),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(answers.reduce((sum, { body }) => sum + (body.accepted as number), 0)).toBe(300);
    expect((await stored()) - before).toBe(300);
  });
});
