import { randomUUID } from 'node:crypto';
import { mintToken } from '../../src/access/mint-token.js';
import { readEnvironment } from '../../src/config/read-environment.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { required } from '../support/processes.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { idsOfStudent, peopleOfTwoCourses } from '../support/two-courses.js';

const principals = ['admin', 'service', 'teacher', 'stranger', 'self', 'other', 'nobody', 'forged'] as const;
type PrincipalName = (typeof principals)[number];

/**
 * Who may do what. Every thing that is asked for belongs to STU001 in PROG-101.
 *
 * teacher: TEACH001 of PROG-101; stranger: TEACH002 of another course; self: STU001; other: STU002 of another course;
 * nobody: no token; forged: a token with a wrong signature. `ok`: the guard lets them pass. A route is asked in the
 * order of the columns, so the administrator has filled the cache before anybody else asks.
 *
 * After the route: ids that go into the body of a write. Lists are `ok` for all whose service narrows them.
 */
const table = `
                                                                 admin service teacher stranger self other nobody forged
GET    /                                                         ok    ok      ok      ok       ok   ok    ok     ok
GET    /health                                                   ok    ok      ok      ok       ok   ok    ok     ok
GET    /health/live                                              ok    ok      ok      ok       ok   ok    ok     ok
GET    /health/ready                                             ok    ok      ok      ok       ok   ok    ok     ok
GET    /health/startup                                           ok    ok      ok      ok       ok   ok    ok     ok
GET    /metrics                                                  ok    ok      ok      ok       ok   ok    ok     ok

GET    /api/v3/system/stats                                      ok    403     403     403      403  403   401    401
GET    /api/v3/system/info                                       ok    403     403     403      403  403   401    401
GET    /api/v3/system/health/detailed                            ok    403     403     403      403  403   401    401
GET    /api/v3/system/redis/stats                                ok    403     403     403      403  403   401    401
POST   /api/v3/system/redis/test                                 ok    403     403     403      403  403   401    401

GET    /api/v3/analytics/courses/{course_id}                     ok    403     ok      404      403  403   401    401
GET    /api/v3/analytics/courses/{course_id}/students            ok    403     ok      404      403  403   401    401
GET    /api/v3/analytics/courses/{course_id}/at/{as_of}          ok    403     ok      404      403  403   401    401
GET    /api/v3/analytics/courses/{course_id}/at/{as_of}/students ok    403     ok      404      403  403   401    401
GET    /api/v3/analytics/students/{student_id}                   ok    403     ok      404      ok   404   401    401
GET    /api/v3/analytics/students/{student_id}/at/{as_of}        ok    403     ok      404      ok   404   401    401

GET    /api/v3/users                                             ok    403     403     403      403  403   401    401
POST   /api/v3/users                                             ok    403     403     403      403  403   401    401
GET    /api/v3/users/{user_id}                                   ok    403     ok      404      ok   404   401    401
PATCH  /api/v3/users/{user_id}                                   ok    403     403     403      403  403   401    401
DELETE /api/v3/users/{user_id}                                   ok    403     403     403      403  403   401    401

GET    /api/v3/courses                                           ok    ok      ok      ok       ok   ok    401    401
POST   /api/v3/courses                                           ok    403     403     403      403  403   401    401
GET    /api/v3/courses/{course_id}                               ok    ok      ok      404      ok   404   401    401
PATCH  /api/v3/courses/{course_id}                               ok    403     ok      404      403  403   401    401
GET    /api/v3/courses/{course_id}/activities                    ok    ok      ok      404      ok   404   401    401
POST   /api/v3/courses/{course_id}/activities                    ok    403     ok      404      403  403   401    401
GET    /api/v3/activities/{activity_id}                          ok    ok      ok      404      ok   404   401    401
PATCH  /api/v3/activities/{activity_id}                          ok    403     ok      404      403  403   401    401

GET    /api/v3/enrollments                                       ok    403     ok      ok       ok   ok    401    401
POST   /api/v3/enrollments user_id course_id                     ok    403     ok      ok       403  403   401    401
GET    /api/v3/enrollments/{enrollment_id}                       ok    403     ok      404      ok   404   401    401
PATCH  /api/v3/enrollments/{enrollment_id}                       ok    403     ok      404      403  403   401    401

GET    /api/v3/submissions                                       ok    ok      ok      ok       ok   ok    401    401
POST   /api/v3/submissions student_id activity_id                ok    ok      403     403      ok   404   401    401
GET    /api/v3/submissions/{submission_id}                       ok    ok      ok      404      ok   404   401    401
POST   /api/v3/submissions/{submission_id}/void                  ok    403     ok      404      403  403   401    401
PUT    /api/v3/submissions/{submission_id}/grade                 ok    403     ok      404      403  403   401    401

POST   /api/v3/sessions student_id course_id                     ok    ok      403     403      ok   404   401    401
GET    /api/v3/sessions/{session_id}                             ok    ok      ok      404      ok   404   401    401
PATCH  /api/v3/sessions/{session_id}                             ok    ok      403     403      ok   404   401    401
POST   /api/v3/sessions/{session_id}/messages                    ok    ok      403     403      ok   404   401    401

POST   /api/v3/events student_id course_id                       ok    ok      403     403      ok   404   401    401
POST   /api/v3/events:batch                                      ok    ok      403     403      403  403   401    401
`;

const secret = 'a-secret-of-this-test-and-nothing-else';

let database: TestDatabase;
let app: TestApp;
let tokens: Record<PrincipalName, string | undefined>;
let dropout: string;
let ids: Record<string, string>;

beforeAll(async () => {
  database = await createTestDatabase();
  const facts = await peopleOfTwoCourses(database.dataSource);
  ids = idsOfStudent(facts);
  await database.dataSource.query(`INSERT INTO users (code, role) VALUES ('VICTIM', 'student')`);
  const env = {
    DATABASE_URL: database.url,
    REDIS_URL: required('TEST_REDIS_URL'),
    CACHE_NAMESPACE: `access-table-${randomUUID()}:`,
    AUTH_JWT_SECRET: secret,
  };
  const token = (role: string, sub: string) => mintToken(readEnvironment(env), { role, sub, ttl: '1h' });
  tokens = {
    admin: await token('admin', 'ADMIN001'),
    service: await token('service', 'moodle'),
    teacher: await token('teacher', 'TEACH001'),
    stranger: await token('teacher', 'TEACH002'),
    self: await token('student', 'STU001'),
    other: await token('student', 'STU002'),
    nobody: undefined,
    forged: (await token('admin', 'ADMIN001')).replace(/[^.]+$/, 'A'.repeat(43)),
  };
  dropout = await token('student', 'STU005');
  app = await startTestApp({ env });
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

interface Row {
  method: string;
  path: string;
  bodyIds: string[];
  cells: string[];
}

const rows: Row[] = table
  .split('\n')
  .filter((line) => /^[A-Z]/.test(line))
  .map((line) => {
    const words = line.split(/ +/);
    const cells = words.splice(-principals.length);
    const [method = '', path = '', ...bodyIds] = words;
    return { method, path, bodyIds, cells };
  });

/** A body that the guard understands and validation refuses: whoever passes changes nothing. */
function refusedBody(bodyIds: string[]): object {
  return { ...Object.fromEntries(bodyIds.map((name) => [name, ids[name]])), no_such_field: true };
}

async function ask(
  { method, path, bodyIds }: Row,
  who: PrincipalName,
): Promise<{ status: number; text: string }> {
  // Deleting is the one write that needs no body, so it gets somebody nobody needs.
  const target = method === 'DELETE' ? path.replace('{user_id}', 'VICTIM') : path;
  const url = target.replace(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? name);
  const request = app.request[method.toLowerCase() as 'get'](url);
  if (tokens[who] !== undefined) void request.set('authorization', `Bearer ${tokens[who]}`);
  if (method === 'GET' || method === 'DELETE') return request;
  return path.endsWith('events:batch')
    ? request.type('application/x-ndjson').send('no line')
    : request.send(refusedBody(bodyIds));
}

/** Refused by the guard, or not. A read that passes must succeed; a write fails later, for its body. */
function cellOf({ method }: Row, status: number): string {
  const isPassed = method === 'GET' ? status === 200 : ![401, 403, 404].includes(status) && status < 500;
  return isPassed ? 'ok' : String(status);
}

describe('access', () => {
  it.each(rows)('A3: A16: A17: is as the table says for $method $path', async (row) => {
    const cells: string[] = [];
    for (const who of principals) {
      const { status, text } = await ask(row, who);
      cells.push(cellOf(row, status));
      if ([401, 403, 404].includes(status)) {
        expect(Object.keys(JSON.parse(text) as object).sort()).toEqual([
          'code',
          'detail',
          'instance',
          'request_id',
          'status',
          'title',
          'type',
        ]);
        expect(text).not.toContain('Name of');
      }
    }

    expect(Object.fromEntries(principals.map((who, index) => [who, cells[index]]))).toEqual(
      Object.fromEntries(principals.map((who, index) => [who, row.cells[index]])),
    );
  });

  it('shows who dropped a course, and its teacher, that there is no risk any more', async () => {
    for (const token of [dropout, tokens.teacher!]) {
      const { status, body } = await app.request
        .get('/api/v3/analytics/students/STU005?course_id=PROG-101')
        .set('authorization', `Bearer ${token}`);

      expect([status, body]).toMatchObject([
        200,
        { risk_level: null, courses: [{ enrollment_status: 'dropped', risk_score: null, risk_level: null }] },
      ]);
    }
  });

  it.each([
    ['stranger', '/api/v3/courses', /PROG-101/],
    ['stranger', '/api/v3/enrollments', /STU001|PROG-101/],
    ['stranger', '/api/v3/submissions', /STU001|PROG-101/],
    ['stranger', '/api/v3/submissions?student_id=STU001', /STU001|PROG-101/],
    ['other', '/api/v3/courses', /PROG-101/],
    ['other', '/api/v3/enrollments', /STU001|PROG-101/],
    ['other', '/api/v3/enrollments?user_id=STU001', /STU001|PROG-101/],
    ['other', '/api/v3/submissions?course_id=PROG-101', /STU001|PROG-101/],
  ] as const)('A16: shows a %s nothing of others in %s', async (who, path, others) => {
    const { status, text } = await ask({ method: 'GET', path, bodyIds: [], cells: [] }, who);

    expect(status).toBe(200);
    expect(text).not.toMatch(others);
    const { text: all } = await ask({ method: 'GET', path, bodyIds: [], cells: [] }, 'admin');
    expect(all).toMatch(others);
  });

  it.each([
    ['', 403],
    ['?course_id=PROG-101', 200],
    ['?course_id=PROG-102', 404],
    ['?activity_id=PROG-101-A1', 403],
  ])('A16: lets a teacher ask about a student of others, too, with "%s": %i', async (query, status) => {
    const path = `/api/v3/analytics/students/STU003${query}`;

    expect((await ask({ method: 'GET', path, bodyIds: [], cells: [] }, 'teacher')).status).toBe(status);
  });

  it('A16: follows the end of a course at once, with which a student without an end of their own is in it or not', async () => {
    const day = 86_400_000;
    const endCourseOfOthers = (at: number) =>
      app.request
        .patch('/api/v3/courses/PROG-102')
        .set('authorization', `Bearer ${tokens.admin}`)
        .send({ ends_at: new Date(Date.now() + at).toISOString() })
        .expect(200);
    const path = '/api/v3/analytics/students/STU009';
    const seen: number[] = [];
    for (const at of [-day, 60 * day]) {
      await endCourseOfOthers(at);
      seen.push((await ask({ method: 'GET', path, bodyIds: [], cells: [] }, 'teacher')).status);
    }

    expect(seen).toEqual([200, 403]);
  });

  it('is settled in the table for every route there is', async () => {
    const { body } = await app.request.get('/api/v3/openapi.json').expect(200);
    const routes = Object.entries(body.paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );

    expect(rows.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(routes.sort());
  });
});
