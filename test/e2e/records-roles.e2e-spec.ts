import { randomUUID } from 'node:crypto';
import { mintToken } from '../../src/access/mint-token.js';
import { readEnvironment } from '../../src/config/read-environment.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { peopleOfTwoCourses } from '../support/two-courses.js';

/** What the records themselves decide by role; the table of routes and roles is another test's. */
describe('what a role sees and may say', () => {
  let database: TestDatabase;
  let app: TestApp;
  let tokens: Record<string, string>;

  const as = (who: string, method: 'get' | 'post' | 'patch' | 'put', path: string) =>
    app.request[method](`/api/v3${path}`).set('Authorization', `Bearer ${tokens[who]}`);
  const listed = async (who: string, path: string, field: string): Promise<string[]> => {
    const page = await as(who, 'get', path).expect(200);
    return [...new Set<string>(page.body.data.map((row: Record<string, string>) => row[field]))].sort();
  };

  beforeAll(async () => {
    database = await createTestDatabase();
    await peopleOfTwoCourses(database.dataSource);
    await database.dataSource.query(
      `INSERT INTO activities (code, course_id, title, kind, status)
       SELECT 'PROG-101-' || status, id, 'x', 'quiz', status FROM courses, unnest(ARRAY['draft', 'archived']) status
       WHERE code = 'PROG-101'`,
    );
    const env = { DATABASE_URL: database.url, AUTH_JWT_SECRET: 'a-secret-of-this-test-and-nothing-else' };
    const token = (role: string, sub: string) => mintToken(readEnvironment(env), { role, sub, ttl: '1h' });
    tokens = {
      admin: await token('admin', 'ADMIN001'),
      service: await token('service', 'moodle'),
      teacher: await token('teacher', 'TEACH001'),
      former: await token('teacher', 'TEACH005'),
      second: await token('teacher', 'TEACH006'),
      assistant: await token('teacher', 'TEACH003'),
      student: await token('student', 'STU001'),
      both: await token('student', 'STU003'),
      guest: await token('student', 'GUEST001'),
    };
    app = await startTestApp({ env });
  });
  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  it.each([
    ['admin', ['PROG-101', 'PROG-102']],
    ['service', ['PROG-101', 'PROG-102']],
    ['teacher', ['PROG-101']],
    ['former', []],
    ['student', ['PROG-101']],
    ['both', ['PROG-101', 'PROG-102']],
  ])('lists to %s the courses %j', async (who, courses) => {
    expect(await listed(who, '/courses', 'course_id')).toEqual(courses);
  });

  it('takes from a student nothing that is dated before they were in the course, which would count for all in it', async () => {
    const event = { id: randomUUID(), student_id: 'STU001', course_id: 'PROG-101', verb: 'viewed' };
    const session = { student_id: 'STU001', course_id: 'PROG-101', started_at: '1900-01-01T00:00:00Z' };
    const before = { ...event, occurred_at: '1900-01-01T00:00:00Z' };

    for (const [path, body, pointer] of [
      ['/events', before, '/occurred_at'],
      ['/sessions', session, '/started_at'],
    ] as const) {
      const refused = await as('student', 'post', path).send(body);
      expect([refused.status, refused.body.errors]).toMatchObject([422, [{ pointer, code: 'order' }]]);
    }
    await as('student', 'post', '/events')
      .send({ ...event, occurred_at: new Date().toISOString() })
      .expect(201);
    await as('service', 'post', '/events')
      .send({ ...before, id: randomUUID() })
      .expect(201);
  });

  it('takes nothing of the kind from a student either who only observes the course', async () => {
    await as('admin', 'post', '/users').send({ user_id: 'GUEST001', role: 'student' }).expect(201);
    const event = { student_id: 'GUEST001', course_id: 'PROG-102', verb: 'viewed' };
    const enrolled = { user_id: 'GUEST001', course_id: 'PROG-102', role: 'observer' };
    await as('admin', 'post', '/enrollments').send(enrolled).expect(201);

    for (const [occurred_at, status] of [
      ['1900-01-01T00:00:00Z', 422],
      [new Date().toISOString(), 201],
    ] as const) {
      await as('guest', 'post', '/events')
        .send({ ...event, id: randomUUID(), occurred_at })
        .expect(status);
    }
  });

  it('lists enrollments and submissions of a teacher’s courses, and of a student alone', async () => {
    expect(await listed('teacher', '/enrollments', 'course_id')).toEqual(['PROG-101']);
    expect(await listed('teacher', '/enrollments?course_id=PROG-102', 'course_id')).toEqual([]);
    expect(await listed('student', '/enrollments', 'user_id')).toEqual(['STU001']);
    expect(await listed('student', '/enrollments?user_id=STU003', 'user_id')).toEqual([]);
    expect(await listed('admin', '/submissions', 'student_id')).toEqual(['STU001', 'STU002']);
    expect(await listed('teacher', '/submissions', 'student_id')).toEqual(['STU001']);
    expect(await listed('student', '/submissions?student_id=STU002', 'student_id')).toEqual([]);
  });

  it('shows students only activities that are published', async () => {
    expect(await listed('student', '/courses/PROG-101/activities', 'status')).toEqual(['published']);
    expect(await listed('teacher', '/courses/PROG-101/activities', 'status')).toEqual([
      'archived',
      'draft',
      'published',
    ]);
    await as('student', 'get', '/activities/PROG-101-draft').expect(404);
    await as('teacher', 'get', '/activities/PROG-101-draft').expect(200);
  });

  it.each(['draft', 'archived'])('does not tell a student that an activity is %s', async (status) => {
    const about = (activity_id: string) => ({ student_id: 'STU001', activity_id });
    const inCourse = (activity_id: string) => ({ ...about(activity_id), course_id: 'PROG-101' });
    const event = (activity_id: string) => {
      return {
        ...inCourse(activity_id),
        id: randomUUID(),
        verb: 'viewed',
        occurred_at: new Date().toISOString(),
      };
    };
    const shown = await as('student', 'get', `/activities/PROG-101-${status}`).expect(404);
    const none = await as('student', 'get', '/activities/PROG-101-none').expect(404);
    expect(shown.body.detail).toBe(none.body.detail);
    for (const [path, body, ofService] of [
      ['/submissions', about, 422],
      ['/sessions', inCourse, 201],
      ['/events', event, 201],
    ] as const) {
      const hidden = await as('student', 'post', path).send(body(`PROG-101-${status}`));
      const unknown = await as('student', 'post', path).send(body('PROG-101-none'));
      expect([path, hidden.status, hidden.body.detail]).toEqual([path, 404, unknown.body.detail]);
      await as('service', 'post', path)
        .send(body(`PROG-101-${status}`))
        .expect(ofService);
    }
  });

  it('lets a teacher enroll people, but not teachers, and in their own courses only', async () => {
    const enrol = (who: string, body: object) => as(who, 'post', '/enrollments').send(body);
    await enrol('teacher', { user_id: 'STU002', course_id: 'PROG-101' }).expect(201);
    await enrol('teacher', { user_id: 'STU001', course_id: 'PROG-102' }).expect(404);
    await enrol('teacher', { user_id: 'STU001', course_id: 'NONE' }).expect(404);
    await enrol('teacher', { user_id: 'TEACH002', course_id: 'PROG-101', role: 'teacher' }).expect(403);
    await enrol('former', { user_id: 'STU002', course_id: 'PROG-101', role: 'observer' }).expect(404);
    await enrol('admin', { user_id: 'TEACH002', course_id: 'PROG-101', role: 'teacher' }).expect(201);
  });

  it('lets an assistant enroll students and change their enrollments, and nobody else’s', async () => {
    const enrol = (body: object) =>
      as('assistant', 'post', '/enrollments').send({ course_id: 'PROG-101', ...body });
    for (const role of ['teacher', 'ta', 'observer']) {
      const refused = await enrol({ user_id: 'TEACH002', role }).expect(403);
      expect(refused.body.detail).toBe((await enrol({ user_id: 'NOBODY', role }).expect(403)).body.detail);
    }
    const enrolled = (role: string) =>
      as('admin', 'post', '/enrollments')
        .send({ user_id: 'TEACH006', course_id: 'PROG-101', role })
        .expect(201);
    await as('admin', 'post', '/users').send({ user_id: 'TEACH006', role: 'teacher' }).expect(201);
    await enrolled('ta');
    await enrolled('teacher');
    const { body } = await as('admin', 'get', '/enrollments?course_id=PROG-101&limit=100').expect(200);
    for (const role of ['teacher', 'ta', 'observer']) {
      const other = body.data.find(
        (row: Record<string, string>) => row.role === role && row.user_id !== 'TEACH003',
      );
      await as('assistant', 'patch', `/enrollments/${other.enrollment_id}`)
        .send({ status: 'dropped' })
        .expect(403);
    }
    await as('admin', 'post', '/users').send({ user_id: 'STU020', role: 'student' }).expect(201);
    const made = await enrol({ user_id: 'STU020' }).expect(201);
    await as('assistant', 'patch', `/enrollments/${made.body.enrollment_id}`)
      .send({ status: 'dropped' })
      .expect(200);
    // Who is a teacher there, too, is one.
    await as('second', 'post', '/enrollments')
      .send({ user_id: 'TEACH005', course_id: 'PROG-101', role: 'observer' })
      .expect(201);
  });

  it('has a teacher enroll only students as students, for they then see whom they have enrolled', async () => {
    const enrol = (who: string, user_id: string) =>
      as(who, 'post', '/enrollments').send({ user_id, course_id: 'PROG-101' });
    for (const other of ['TEACH002', 'ADMIN001']) {
      await as('teacher', 'get', `/users/${other}`).expect(404);
      const refused = await enrol('teacher', other).expect(422);
      expect(refused.body.errors).toEqual((await enrol('teacher', 'NOBODY').expect(422)).body.errors);
      await as('teacher', 'get', `/users/${other}`).expect(404);
    }
    await enrol('admin', 'TEACH003').expect(201);
  });

  it('shows a teacher all enrollments of their courses, and has an admin change those of teachers', async () => {
    const { body } = await as('admin', 'get', '/enrollments?limit=100').expect(200);
    const idOf = (user: string, role: string): string =>
      body.data.find((row: Record<string, string>) => row.user_id === user && row.role === role)
        .enrollment_id;
    const change = (who: string, id: string, status: string) =>
      as(who, 'patch', `/enrollments/${id}`).send({ status });

    for (const [user, role] of [
      ['TEACH001', 'teacher'],
      ['TEACH003', 'ta'],
      ['TEACH004', 'observer'],
    ] as const) {
      await as('teacher', 'get', `/enrollments/${idOf(user, role)}`).expect(200);
    }
    await change('teacher', idOf('TEACH004', 'observer'), 'dropped').expect(200);
    for (const user of ['TEACH001', 'TEACH005']) {
      await change('teacher', idOf(user, 'teacher'), user === 'TEACH005' ? 'active' : 'dropped').expect(403);
    }
    expect(await listed('former', '/courses', 'course_id')).toEqual([]);
    const [ofDeleted] = await database.dataSource.query(
      `SELECT e.id FROM enrollments e JOIN users u ON u.id = e.user_id WHERE u.code = 'STU006'`,
    );
    await change('teacher', ofDeleted.id, 'dropped').expect(404);
    const elsewhere = (await as('admin', 'get', '/enrollments?course_id=PROG-102&user_id=TEACH002')).body
      .data[0];
    await as('teacher', 'get', `/enrollments/${elsewhere.enrollment_id}`).expect(404);
    for (const role of ['ta', 'student']) {
      await change('assistant', idOf('TEACH003', role), 'completed').expect(403);
    }
    await change('assistant', idOf('STU001', 'student'), 'completed').expect(200);
    await change('assistant', idOf('STU001', 'student'), 'active').expect(200);
    await change('admin', idOf('TEACH005', 'teacher'), 'completed').expect(200);
  });

  it('lets nobody judge their own work', async () => {
    await database.dataSource.query(
      `INSERT INTO submissions (user_id, activity_id, attempt_no, submitted_at)
       SELECT u.id, a.id, 1, now() FROM users u, activities a
       WHERE u.code IN ('TEACH001', 'STU003') AND a.code = 'PROG-101-A1'`,
    );
    const { body } = await as('admin', 'get', '/submissions?limit=100').expect(200);
    const idOf = (student: string): string =>
      body.data.find((row: Record<string, string>) => row.student_id === student).submission_id;
    const grade = (who: string, student: string) =>
      as(who, 'put', `/submissions/${idOf(student)}/grade`)
        .set('If-Match', '*')
        .send({ score: 100 });

    await grade('teacher', 'TEACH001').expect(403);
    await as('teacher', 'post', `/submissions/${idOf('TEACH001')}/void`).expect(403);
    await grade('teacher', 'STU003').expect(200);
    await grade('admin', 'TEACH001').expect(200);
  });

  it('does not let a student choose the time at which they hand in, nor speak as the tutor', async () => {
    const body = { student_id: 'STU001', activity_id: 'PROG-101-A1' };
    const early = { ...body, submitted_at: '2026-01-01T00:00:00Z' };
    await as('student', 'post', '/submissions').send(early).expect(403);
    await as('student', 'post', '/submissions').send(body).expect(201);
    const say = (sender: string) =>
      as('student', 'post', '/sessions/SES-STU001/messages').send({ sender, kind: 'hint' });
    await say('tutor').expect(403);
    await say('student').expect(201);
  });

  it('records which teacher changed a grade, and keeps keys of callers apart', async () => {
    const [row] = (await as('teacher', 'get', '/submissions')).body.data;
    await as('teacher', 'put', `/submissions/${row.submission_id}/grade`)
      .set('If-Match', '*')
      .send({ score: 70 })
      .expect(200);
    const changes = await database.dataSource.query(
      'SELECT u.code FROM grade_changes g JOIN users u ON u.id = g.actor_id WHERE submission_id = $1',
      [row.submission_id],
    );
    expect(changes).toEqual([{ code: 'TEACH001' }]);

    const enrol = (who: string, user_id: string) =>
      as(who, 'post', '/enrollments')
        .set('Idempotency-Key', 'one')
        .send({ user_id, course_id: 'PROG-101', role: 'observer' });
    const mine = await enrol('teacher', 'STU001').expect(201);
    const other = await enrol('admin', 'STU003').expect(201);
    expect(other.body.enrollment_id).not.toBe(mine.body.enrollment_id);
  });

  it('answers hostile JSON with a problem, not with a failure', async () => {
    const deep = '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000);
    for (const body of [
      deep,
      `{"data":${deep}}`,
      '[]',
      '"text"',
      '{"__proto__":{"role":"admin"}}',
      '{"constructor":null}',
      '{"constructor":{"name":1}}',
      '{',
      '',
    ]) {
      for (const path of ['/users', '/events', '/submissions']) {
        const answer = await as('admin', 'post', path).set('Content-Type', 'application/json').send(body);
        expect([path, body.slice(0, 20), answer.status]).toEqual([path, body.slice(0, 20), 400]);
      }
    }
  });
});
