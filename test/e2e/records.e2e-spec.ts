import { randomUUID } from 'node:crypto';
import type { Principal } from '../../src/access/principal.js';
import { encodeCursor } from '../../src/http/page.dto.js';
import type { EnrollmentQuery } from '../../src/records/enrollments/enrollment.dto.js';
import { EnrollmentsService } from '../../src/records/enrollments/enrollments.service.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { countingReads } from '../support/watched-statements.js';

const api = '/api/v3';
const course = {
  course_id: 'PROG-101',
  name: 'Programming 101',
  starts_at: '2026-01-12T00:00:00Z',
  ends_at: '2100-06-12T02:00:00+02:00',
};
const activity = { activity_id: 'PROG-101-A1', title: 'Loops', kind: 'exercise', status: 'published' };

describe('records over HTTP', () => {
  let database: TestDatabase;
  let app: TestApp;

  const post = (path: string, body: object) => app.request.post(api + path).send(body);
  const patch = (path: string, body: object) => app.request.patch(api + path).send(body);
  const get = (path: string) => app.request.get(api + path);
  const pointers = (body: { errors?: { pointer: string }[] }) => body.errors?.map(({ pointer }) => pointer);

  beforeAll(async () => {
    database = await createTestDatabase();
    app = await startTestApp({ env: { DATABASE_URL: database.url } });
    await post('/courses', course).expect(201);
    await post('/courses/PROG-101/activities', activity).expect(201);
    await post('/users', { user_id: 'STU001', role: 'student' }).expect(201);
    await post('/users', { user_id: 'STU002', role: 'student' }).expect(201);
    await post('/enrollments', { user_id: 'STU001', course_id: 'PROG-101' }).expect(201);
  });
  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  describe('users', () => {
    it('are added, shown, changed and deleted', async () => {
      const added = await post('/users', {
        user_id: 'STU100',
        email: 'ada@example.org',
        full_name: 'Ada Lovelace',
        role: 'student',
      });
      expect(added.status).toBe(201);
      expect(added.body).toMatchObject({ user_id: 'STU100', full_name: 'Ada Lovelace', is_active: true });

      const changed = await patch('/users/STU100', { full_name: 'Ada King', email: null, role: 'teacher' });
      expect(changed.body).toMatchObject({ full_name: 'Ada King', email: null, role: 'teacher' });
      expect((await get('/users/STU100')).body).toEqual(changed.body);

      const deleted = await app.request.delete(`${api}/users/STU100`);
      expect([deleted.status, deleted.text]).toEqual([204, '']);
      await get('/users/STU100').expect(404);
      await patch('/users/STU100', { role: 'admin' }).expect(404);
      await app.request.delete(`${api}/users/STU100`).expect(404);
      await post('/users', { user_id: 'STU100', role: 'student' }).expect(409);
      await post('/enrollments', { user_id: 'STU100', course_id: 'PROG-101' }).expect(422);
      expect((await get('/users?limit=200')).body.data).not.toContainEqual(
        expect.objectContaining({ user_id: 'STU100' }),
      );
    });

    it('have one email address each, whatever the case', async () => {
      await post('/users', { user_id: 'MAIL1', role: 'student', email: 'One@example.org' }).expect(201);
      await post('/users', { user_id: 'MAIL2', role: 'student', email: 'oNE@example.org' }).expect(409);
      await post('/users', { user_id: 'MAIL3', role: 'student' }).expect(201);
      await patch('/users/MAIL3', { email: 'ONE@example.org' }).expect(409);
      await post('/users', { user_id: 'MAIL4', role: 'student', email: 'four@example.org' }).expect(201);
      await app.request.delete(`${api}/users/MAIL4`).expect(204);
      await patch('/users/MAIL3', { email: 'Four@example.org' }).expect(200);
    });

    it('are forgotten with what is kept for a repeated request', async () => {
      const add = (name: string) =>
        post('/users', { user_id: name, role: 'student', full_name: 'To Forget' }).set(
          'Idempotency-Key',
          name,
        );
      const [first] = [await add('GONE1'), await add('GONE2')];
      expect((await add('GONE1')).body).toEqual(first.body);

      await app.request.delete(`${api}/users/GONE1`).expect(204);

      expect((await add('GONE1')).status).toBe(409);
      expect((await add('GONE2')).body).toMatchObject({ full_name: 'To Forget' });
    });

    it('leave what they did to be read one by one, and in no list', async () => {
      await post('/users', { user_id: 'LEFT1', role: 'student' }).expect(201);
      const { body: enrollment } = await post('/enrollments', { user_id: 'LEFT1', course_id: 'PROG-101' });
      const { body: submission } = await post('/submissions', {
        student_id: 'LEFT1',
        activity_id: 'PROG-101-A1',
      });
      const { body: session } = await post('/sessions', { student_id: 'LEFT1', course_id: 'PROG-101' });

      await app.request.delete(`${api}/users/LEFT1`).expect(204);

      for (const [path, before] of [
        [`/enrollments/${enrollment.enrollment_id}`, enrollment],
        [`/submissions/${submission.submission_id}`, submission],
        [`/sessions/${session.session_id}`, session],
      ]) {
        expect((await get(path).expect(200)).body).toEqual(before);
      }
      expect((await get('/enrollments?user_id=LEFT1').expect(200)).body.data).toEqual([]);
      expect((await get('/submissions?student_id=LEFT1').expect(200)).body.data).toEqual([]);
    });

    it('are forgotten with their personal traits, while those of others and what they did stay', async () => {
      for (const id of ['TRAIT1', 'TRAIT2']) {
        await post('/users', { user_id: id, role: 'student' }).expect(201);
        await post('/enrollments', { user_id: id, course_id: 'PROG-101' }).expect(201);
        await post('/submissions', { student_id: id, activity_id: 'PROG-101-A1' }).expect(201);
      }
      const people = `FROM users u JOIN enrollments e ON e.user_id = u.id WHERE u.code LIKE 'TRAIT_'`;
      await database.dataSource.query(
        `INSERT INTO student_demographics (enrollment_id, gender) SELECT e.id, 'F' ${people}`,
      );

      await app.request.delete(`${api}/users/TRAIT1`).expect(204);

      const [left] = await database.dataSource.query<object[]>(
        `SELECT array_agg(u.code ORDER BY u.code) FILTER (WHERE d.gender IS NOT NULL) AS with_traits,
           count(s.id)::int AS submissions
         FROM users u JOIN enrollments e ON e.user_id = u.id JOIN submissions s ON s.user_id = u.id
         LEFT JOIN student_demographics d ON d.enrollment_id = e.id WHERE u.code LIKE 'TRAIT_'`,
      );
      expect(left).toEqual({ with_traits: ['TRAIT2'], submissions: 2 });
    });

    it('leave the time of change alone when nothing changes', async () => {
      const before = await get('/users/STU002');
      expect((await patch('/users/STU002', { role: 'student' })).body).toEqual(before.body);
      expect((await patch('/users/STU002', {})).body).toEqual(before.body);
    });

    it.each([
      ['an id with a blank', { user_id: 'STU 1' }, '/user_id'],
      ['an id with a slash', { user_id: '../STU001' }, '/user_id'],
      ['an id of 65 characters', { user_id: 'x'.repeat(65) }, '/user_id'],
      ['an id that is a number', { user_id: 7 }, '/user_id'],
      ['no id', { user_id: undefined }, '/user_id'],
      ['an unknown role', { role: 'root' }, '/role'],
      ['a name with U+0000', { full_name: 'Ada\u0000' }, '/full_name'],
      ['a name of half a surrogate pair', { full_name: 'Ada\ud800' }, '/full_name'],
      ['a name of 201 characters', { full_name: 'x'.repeat(201) }, '/full_name'],
      ['a blank name', { full_name: '  ' }, '/full_name'],
      ['a bad email address', { email: 'nobody' }, '/email'],
      ['a field that is not declared', { is_admin: true }, '/is_admin'],
      ['an object for a name', { full_name: { $ne: null } }, '/full_name'],
    ])('are refused with %s', async (_, wrong, pointer) => {
      const answer = await post('/users', { user_id: 'BAD1', role: 'student', ...wrong });
      expect([answer.status, answer.body.code]).toEqual([400, 'validation_failed']);
      expect(pointers(answer.body)).toEqual([pointer]);
    });

    it('do not take null for a role', async () => {
      await patch('/users/STU002', { role: null }).expect(400);
    });

    it.each(['%00', 'STU%20001', "STU001'--", 'x'.repeat(65), '%F0%9F%92%A9'])(
      'are not found under %s',
      async (id) => {
        await get(`/users/${id}`).expect(404);
      },
    );

    it('are listed page by page, each once, with a link to the next page', async () => {
      const seen: string[] = [];
      let path: string | undefined = `${api}/users?limit=2`;
      while (path) {
        const page = await app.request.get(path);
        seen.push(...page.body.data.map(({ user_id }: { user_id: string }) => user_id));
        path = /^<(.+)>; rel="next"$/.exec(page.headers.link ?? '')?.[1];
        expect(path === undefined).toBe(page.body.next_cursor === null);
      }
      expect(seen).toEqual([...new Set(seen)].sort());
      expect(seen).toEqual(expect.arrayContaining(['MAIL1', 'MAIL3', 'STU001', 'STU002']));
    });

    it.each([
      'limit=0',
      'limit=201',
      'limit=x',
      'cursor=x',
      `cursor=${encodeCursor('users', [1])}`,
      `cursor=${encodeCursor('users', ['a b'])}`,
      `cursor=${encodeCursor('users', ['STU001', 'STU001'])}`,
      'offset=1',
    ])('are not listed by ?%s', async (query) => {
      await get(`/users?${query}`).expect(400);
    });
  });

  describe('courses', () => {
    it('answer their dates in UTC and their pass mark', async () => {
      expect((await get('/courses/PROG-101')).body).toMatchObject({
        course_id: 'PROG-101',
        starts_at: '2026-01-12T00:00:00.000Z',
        ends_at: '2100-06-12T00:00:00.000Z',
        pass_mark: 60,
      });
    });

    it('change their dates, name and pass mark', async () => {
      await post('/courses', { ...course, course_id: 'PROG-109', pass_mark: 40.25 }).expect(201);
      const changed = await patch('/courses/PROG-109', {
        name: 'Renamed',
        pass_mark: 0,
        ends_at: '2099-01-01T00:00Z',
      });
      expect(changed.body).toMatchObject({
        name: 'Renamed',
        pass_mark: 0,
        ends_at: '2099-01-01T00:00:00.000Z',
      });
      await patch('/courses/PROG-109', { starts_at: '2099-01-01T00:00:00Z' }).expect(422);
      await patch('/courses/NONE', { name: 'Renamed' }).expect(404);
      expect((await get('/courses')).body.data).toHaveLength(2);
    });

    it('are served alike whatever the database says in `is_active`, which no request can change', async () => {
      const setActive = (isActive: boolean) =>
        database.dataSource.query(`UPDATE courses SET is_active = $1 WHERE code = 'PROG-101'`, [isActive]);
      const shown = (await get('/courses/PROG-101')).body as object;
      await setActive(false);

      expect((await get('/courses/PROG-101')).body).toEqual({ ...shown, is_active: false });
      expect((await get('/courses')).body.data).toContainEqual({ ...shown, is_active: false });
      await patch('/courses/PROG-101', { is_active: true }).expect(400);
      await get('/analytics/courses/PROG-101').expect(200);
      await setActive(true);
    });

    it('end after they start', async () => {
      const answer = await post('/courses', { ...course, course_id: 'BAD1', ends_at: course.starts_at });
      expect([answer.status, pointers(answer.body)]).toEqual([422, ['/ends_at']]);
    });

    it('exist once', async () => {
      await post('/courses', course).expect(409);
    });

    it.each([
      ['a day without a time', { starts_at: '2026-01-12' }],
      ['a time without a zone', { starts_at: '2026-01-12T00:00:00' }],
      ['a day that does not exist', { starts_at: '2026-02-30T00:00:00Z' }],
      ['an hour that does not exist', { starts_at: '2026-02-20T25:00:00Z' }],
      ['a year out of range', { ends_at: '9999-01-01T00:00:00Z' }],
      ['a number for a time', { starts_at: 1768176000000 }],
      ['a pass mark above 100', { pass_mark: 100.01 }],
      ['a pass mark of three decimals', { pass_mark: 50.123 }],
      ['a pass mark as text', { pass_mark: '50' }],
    ])('are refused with %s', async (_, wrong) => {
      await post('/courses', { ...course, course_id: 'BAD1', ...wrong }).expect(400);
    });
  });

  describe('activities', () => {
    it('are added as drafts, published, moved and archived', async () => {
      const added = await post('/courses/PROG-101/activities', {
        activity_id: 'PROG-101-A2',
        title: 'Functions',
        kind: 'quiz',
        opens_at: '2026-02-01T00:00:00Z',
        due_at: '2026-03-01T00:00:00Z',
      });
      expect(added.body).toMatchObject({ course_id: 'PROG-101', status: 'draft', points: 100, weight: 1 });

      const changed = await patch('/activities/PROG-101-A2', {
        status: 'published',
        due_at: null,
        weight: 0,
      });
      expect(changed.body).toMatchObject({ status: 'published', due_at: null, weight: 0 });
      expect((await get('/activities/PROG-101-A2')).body).toEqual(changed.body);
      await patch('/activities/PROG-101-A2', { status: 'draft' }).expect(422);
      await patch('/activities/PROG-101-A2', { due_at: '2026-01-31T00:00:00Z' }).expect(422);
      await patch('/activities/PROG-101-A2', { title: null }).expect(400);
      await patch('/activities/PROG-101-A2', { status: 'archived' }).expect(200);
      expect((await get('/courses/PROG-101/activities')).body.data).toHaveLength(2);
    });

    it('belong to a course that exists, and exist once', async () => {
      await post('/courses/NONE/activities', { ...activity, activity_id: 'X1' }).expect(404);
      await get('/courses/NONE/activities').expect(404);
      await post('/courses/PROG-101/activities', activity).expect(409);
      await patch('/activities/NONE', { title: 'x' }).expect(404);
    });

    it.each([
      ['no points', { points: 0 }],
      ['next to no points', { points: 1e-7 }],
      ['next to no weight', { weight: 1e-7 }],
      ['a negative weight', { weight: -1 }],
      ['a weight that is not a number', { weight: 'heavy' }],
      ['an unknown kind', { kind: 'party' }],
      ['a text for a truth value', { is_required: 'true' }],
    ])('are refused with %s', async (_, wrong) => {
      await post('/courses/PROG-101/activities', { ...activity, activity_id: 'X1', ...wrong }).expect(400);
    });
  });

  describe('enrollments', () => {
    it('begin and end by now, also for a client whose clock is ahead: nobody gains or loses rights by waiting', async () => {
      const ahead = () => new Date(Date.now() + 240_000).toISOString();
      await post('/courses', { ...course, course_id: 'PROG-110' }).expect(201);
      await post('/users', { user_id: 'STU110', role: 'student' }).expect(201);
      const enrolled = { user_id: 'STU110', course_id: 'PROG-110', enrolled_at: ahead() };
      const { body } = await post('/enrollments', enrolled).expect(201);
      const change = { status: 'dropped', ended_at: ahead() };
      const dropped = await patch(`/enrollments/${body.enrollment_id}`, change).expect(200);

      const again = await patch(`/enrollments/${body.enrollment_id}`, change).expect(200);
      expect(again.body).toEqual(dropped.body);
      for (const at of [body.enrolled_at, dropped.body.ended_at]) {
        expect(Date.parse(at)).toBeLessThan(Date.now() + 60_000);
      }
    });

    it('that are to begin later, as an import has them, end with their beginning', async () => {
      await post('/courses', { ...course, course_id: 'PROG-111' }).expect(201);
      const { body } = await post('/enrollments', { user_id: 'STU002', course_id: 'PROG-111' }).expect(201);
      const later = new Date(Date.now() + 86_400_000).toISOString();
      await database.dataSource.query('UPDATE enrollments SET enrolled_at = $2 WHERE id = $1', [
        body.enrollment_id,
        later,
      ]);

      const dropped = await patch(`/enrollments/${body.enrollment_id}`, { status: 'dropped' }).expect(200);

      expect(dropped.body).toMatchObject({ status: 'dropped', ended_at: later });
    });

    it.each([
      ['when their course did', '2026-02-01T00:00:00.000Z'],
      ['now, before that of their course', '2100-01-01T00:00:00.000Z'],
    ])(
      'that an import told no date of end %s once they are dropped, and stay in the past',
      async (_, end) => {
        const id = end.slice(0, 4);
        await post('/courses', { ...course, course_id: `PROG-${id}`, ends_at: end }).expect(201);
        await post('/users', { user_id: `STU${id}`, role: 'student' }).expect(201);
        const { body } = await post('/enrollments', {
          user_id: `STU${id}`,
          course_id: `PROG-${id}`,
          enrolled_at: '2026-01-20T00:00:00Z',
        }).expect(201);
        const path = `/enrollments/${body.enrollment_id}`;
        await database.dataSource.query(`UPDATE enrollments SET status = 'failed' WHERE id = $1`, [
          body.enrollment_id,
        ]);

        const dropped = await patch(path, { status: 'dropped' }).expect(200);

        const now = Date.now();
        const endedAt = Date.parse(dropped.body.ended_at);
        if (Date.parse(end) < now) expect(dropped.body.ended_at).toBe(end);
        else expect(Math.abs(endedAt - now)).toBeLessThan(60_000);
        const before = `/analytics/students/STU${id}/at/2026-01-25T00:00:00Z`;
        expect((await get(before).expect(200)).body.courses).toMatchObject([
          { course_id: `PROG-${id}`, enrollment_status: 'active' },
        ]);
      },
    );

    it('that an import told as dropped without a date keep none', async () => {
      await post('/courses', { ...course, course_id: 'PROG-112' }).expect(201);
      const { body } = await post('/enrollments', { user_id: 'STU002', course_id: 'PROG-112' }).expect(201);
      await database.dataSource.query(`UPDATE enrollments SET status = 'dropped' WHERE id = $1`, [
        body.enrollment_id,
      ]);

      const again = await patch(`/enrollments/${body.enrollment_id}`, { final_result: 'withdrawn' });

      expect(again.body).toMatchObject({ status: 'dropped', final_result: 'withdrawn', ended_at: null });
    });

    it('end with a result that fits, and are taken up again', async () => {
      const added = await post('/enrollments', {
        user_id: 'STU002',
        course_id: 'PROG-101',
        enrolled_at: '2026-01-20T00:00:00Z',
      });
      expect(added.body).toMatchObject({ role: 'student', status: 'active', ended_at: null });
      const path = `/enrollments/${added.body.enrollment_id}`;

      await patch(path, { status: 'completed', final_result: 'fail' }).expect(422);
      await patch(path, { final_result: 'pass' }).expect(422);
      await patch(path, { ended_at: '2026-02-01T00:00:00Z' }).expect(422);
      await patch(path, { status: 'dropped', ended_at: '2026-01-01T00:00:00Z' }).expect(422);
      await patch(path, { status: 'dropped', ended_at: '2150-01-01T00:00:00Z' }).expect(422);
      await patch(path, { status: null }).expect(400);

      const dropped = await patch(path, { status: 'dropped', final_result: 'withdrawn' });
      expect(dropped.body).toMatchObject({ status: 'dropped', final_result: 'withdrawn' });
      expect(dropped.body.ended_at).not.toBeNull();
      expect((await patch(path, { status: 'dropped' })).body).toEqual(dropped.body);

      const corrected = await patch(path, { status: 'failed' });
      expect(corrected.body).toMatchObject({
        status: 'failed',
        final_result: null,
        ended_at: dropped.body.ended_at,
      });

      const back = await patch(path, { status: 'active' });
      expect(back.body).toMatchObject({ status: 'active', final_result: null, ended_at: null });
      expect((await get(path)).body).toEqual(back.body);
    });

    it('happen once a role, of people and in courses that exist', async () => {
      await post('/enrollments', { user_id: 'STU001', course_id: 'PROG-101' }).expect(409);
      const nobody = await post('/enrollments', { user_id: 'NOBODY', course_id: 'PROG-101' });
      expect([nobody.status, pointers(nobody.body)]).toEqual([422, ['/user_id']]);
      const nowhere = await post('/enrollments', { user_id: 'STU001', course_id: 'NONE' });
      expect([nowhere.status, pointers(nowhere.body)]).toEqual([422, ['/course_id']]);
    });

    it('are listed by course and by person', async () => {
      const ofCourse = await get('/enrollments?course_id=PROG-101&limit=1');
      expect(ofCourse.body.data).toHaveLength(1);
      const next = await app.request.get(/<(.+)>/.exec(ofCourse.headers.link!)![1]!);
      expect(next.body.data[0].enrollment_id).not.toBe(ofCourse.body.data[0].enrollment_id);
      expect((await get('/enrollments?user_id=STU001')).body.data).toHaveLength(1);
      expect((await get('/enrollments?user_id=NOBODY')).body).toEqual({ data: [], next_cursor: null });
      await get('/enrollments?user_id=a%20b').expect(400);
      await get(`/enrollments?cursor=${encodeCursor('enrollments', ['x'])}`).expect(400);
    });

    it.each(['0', '-1', 'x', '9223372036854775808', '1e3', '99999999'])(
      'are not found under %s',
      async (id) => {
        await get(`/enrollments/${id}`).expect(404);
      },
    );
  });

  describe('sessions', () => {
    it('count their messages and end once', async () => {
      const started = await post('/sessions', {
        student_id: 'STU001',
        course_id: 'PROG-101',
        activity_id: 'PROG-101-A1',
        started_at: '2026-02-05T10:00:00Z',
      });
      expect(started.status).toBe(201);
      const path = `/sessions/${started.body.session_id}`;
      const say = (message: object) => post(`${path}/messages`, message);

      const said = await say({
        sender: 'student',
        kind: 'question',
        content: 'Why?',
        sent_at: '2026-02-05T10:01:00Z',
      });
      expect(said.status).toBe(201);
      expect(said.body).toMatchObject({ length: 4, student_id: 'STU001', course_id: 'PROG-101' });
      expect(said.body).not.toHaveProperty('content');
      await say({ sender: 'tutor', kind: 'hint', length: 40, sent_at: '2026-02-05T10:02:00Z' }).expect(201);
      await say({ sender: 'tutor', kind: 'hint', sent_at: '2026-02-05T09:59:00Z' }).expect(422);
      await say({ sender: 'tutor', kind: 'hint', length: -1 }).expect(400);
      await say({ sender: 'teacher', kind: 'hint' }).expect(400);
      await say({ sender: 'student', kind: 'question', content: 'x'.repeat(20_001) }).expect(400);

      await patch(path, { ended_at: '2026-02-05T09:00:00Z' }).expect(422);
      // What a student calls a hint is none.
      await say({ sender: 'student', kind: 'hint', sent_at: '2026-02-05T10:03:00Z' }).expect(201);
      await say({ sender: 'tutor', kind: 'hint', sent_at: '2026-02-05T10:20:00Z' }).expect(201);
      await patch(path, { ended_at: '2026-02-05T10:14:59Z' }).expect(422);
      const ended = await patch(path, { ended_at: '2026-02-05T10:30:00Z' });
      expect(ended.body).toMatchObject({
        message_count: 4,
        hint_count: 2,
        ended_at: '2026-02-05T10:30:00.000Z',
      });
      expect((await patch(path, {})).body).toEqual(ended.body);
      await patch(path, { ended_at: '2026-02-05T10:31:00Z' }).expect(409);
      await say({ sender: 'student', kind: 'question' }).expect(409);
      await say({ sender: 'student', kind: 'question', sent_at: '2026-02-05T10:31:00Z' }).expect(422);
      await say({ sender: 'student', kind: 'question', sent_at: '2026-02-05T10:29:00Z' }).expect(201);
      expect((await get(path)).body).toMatchObject({ message_count: 5 });
    });

    it('end with what was last said, where the clock of who ends them is behind', async () => {
      const started_at = '2026-02-06T10:00:00Z';
      const { body } = await post('/sessions', { student_id: 'STU001', course_id: 'PROG-101', started_at });
      const path = `/sessions/${body.session_id}`;
      const sent_at = '2026-02-06T10:20:00Z';
      await post(`${path}/messages`, { sender: 'tutor', kind: 'hint', sent_at }).expect(201);

      for (let repeated = 0; repeated < 2; repeated++) {
        const ended = await patch(path, { ended_at: '2026-02-06T10:19:58Z' }).expect(200);
        expect(ended.body.ended_at).toBe('2026-02-06T10:20:00.000Z');
      }
    });

    it('with a client_id start once, however it is spelled', async () => {
      const client_id = () => randomUUID().toUpperCase();
      const session = { student_id: 'STU001', course_id: 'PROG-101', client_id: client_id() };
      const first = await post('/sessions', session).expect(201);
      const again = await post('/sessions', session).expect(200);
      expect(again.body).toEqual(first.body);
      await post('/sessions', { ...session, mode: 'socratic' }).expect(409);

      const message = { sender: 'student', kind: 'question', length: 3, client_id: client_id() };
      const path = `/sessions/${first.body.session_id}/messages`;
      const said = await post(path, message).expect(201);
      expect((await post(path, message).expect(200)).body).toEqual(said.body);
      await post(path, { ...message, length: 4 }).expect(409);
      // Some characters take two places in a text.
      const smiling = await post(path, { sender: 'student', kind: 'question', content: '😀a' }).expect(201);
      expect(smiling.body.length).toBe(2);
    });

    it.each([
      ['an unknown student', { student_id: 'NOBODY' }, '/student_id'],
      ['a student who is not enrolled', { student_id: 'MAIL1' }, '/student_id'],
      ['an unknown course', { course_id: 'NONE' }, '/course_id'],
      ['an unknown activity', { activity_id: 'NONE' }, '/activity_id'],
      ['a start in the future', { started_at: '2150-01-01T00:00:00Z' }, '/started_at'],
    ])('do not start for %s', async (_, wrong, pointer) => {
      const answer = await post('/sessions', { student_id: 'STU001', course_id: 'PROG-101', ...wrong });
      expect([answer.status, pointers(answer.body)]).toEqual([422, [pointer]]);
    });

    it('of who is deleted take nothing', async () => {
      await post('/users', { user_id: 'STU101', role: 'student' }).expect(201);
      const enrolled = await post('/enrollments', { user_id: 'STU101', course_id: 'PROG-101' }).expect(201);
      const { body } = await post('/sessions', { student_id: 'STU101', course_id: 'PROG-101' }).expect(201);
      const path = `/sessions/${body.session_id}`;
      const message = { sender: 'student', kind: 'question', client_id: randomUUID() };
      await post(`${path}/messages`, message).expect(201);

      await app.request.delete(`${api}/users/STU101`).expect(204);

      await post(`${path}/messages`, { ...message, client_id: randomUUID() }).expect(404);
      await post(`${path}/messages`, message).expect(404);
      await patch(path, {}).expect(404);
      await patch(`/enrollments/${enrolled.body.enrollment_id}`, { status: 'dropped' }).expect(404);
      expect((await get(path)).body).toMatchObject({ message_count: 1, ended_at: null });
    });

    it('that do not exist take nothing', async () => {
      await get('/sessions/NONE').expect(404);
      await patch('/sessions/NONE', {}).expect(404);
      await post('/sessions/NONE/messages', { sender: 'student', kind: 'question' }).expect(404);
    });
  });

  describe('events', () => {
    const event = {
      student_id: 'STU001',
      course_id: 'PROG-101',
      verb: 'viewed',
      occurred_at: '2026-02-05T18:52:18.123Z',
      data: { page: 3, name: '__proto__' },
    };

    it('are stored once', async () => {
      const id = randomUUID();
      const first = await post('/events', { ...event, id }).expect(201);
      const again = await post('/events', { ...event, id: id.toUpperCase() }).expect(200);
      expect(again.body).toEqual(first.body);
      await post('/events', { ...event, id, quantity: 2 }).expect(409);
      await post('/events', { ...event, id, data: { page: 4 } }).expect(409);
    });

    it('with unknown verbs are stored and do not count as activity', async () => {
      const day = '2026-01-15';
      await post('/events', {
        ...event,
        id: randomUUID(),
        verb: 'daydreamed',
        occurred_at: `${day}T10:00:00Z`,
      }).expect(201);
      const rows = await database.dataSource.query('SELECT 1 FROM activity_days WHERE day = $1', [day]);
      expect(rows).toEqual([]);
    });

    it.each([
      ['an unknown student', { student_id: 'NOBODY' }, '/student_id'],
      ['an unknown course', { course_id: 'NONE' }, '/course_id'],
      ['an unknown activity', { activity_id: 'NONE' }, '/activity_id'],
      ['an unknown session', { session_id: 'NONE' }, '/session_id'],
      [
        'a time 6 minutes ahead',
        { occurred_at: new Date(Date.now() + 360_000).toISOString() },
        '/occurred_at',
      ],
    ])('are not taken with %s', async (_, wrong, pointer) => {
      const answer = await post('/events', { ...event, id: randomUUID(), ...wrong });
      expect([answer.status, pointers(answer.body)]).toEqual([422, [pointer]]);
    });

    it('may be written in any time zone, also in one that PostgreSQL does not read', async () => {
      const [east, west] = ['2026-02-05T18:52:18+20:00', '2026-02-05T18:52:18-23:59'];
      const id = randomUUID();
      const first = await post('/events', { ...event, id, occurred_at: east }).expect(201);
      expect(first.body.occurred_at).toBe('2026-02-04T22:52:18.000Z');
      await post('/events', { ...event, id, occurred_at: '2026-02-04T22:52:18Z' }).expect(200);
      await post('/events', { ...event, id: randomUUID(), occurred_at: west }).expect(201);
    });

    it('may be 4 minutes ahead of our clock', async () => {
      const soon = new Date(Date.now() + 240_000).toISOString();
      await post('/events', { ...event, id: randomUUID(), occurred_at: soon }).expect(201);
    });

    it.each([
      ['no id', { id: undefined }],
      ['an id that is no UUID', { id: '1' }],
      ['a verb with a blank', { verb: 'looked at' }],
      ['a quantity of 0', { quantity: 0 }],
      ['a quantity of a half', { quantity: 0.5 }],
      ['a quantity beyond the limit', { quantity: 1e9 }],
      ['data that is a list', { data: [1] }],
      ['data that is too deep', { data: { a: { b: { c: { d: { e: { f: 1 } } } } } } }],
      ['data that is too long', { data: { text: 'x'.repeat(8200) } }],
      ['data that is too long in UTF-8', { data: { text: 'é'.repeat(4100) } }],
      ['data with U+0000', { data: { text: '\u0000' } }],
    ])('are refused with %s', async (_, wrong) => {
      await post('/events', { ...event, id: randomUUID(), ...wrong }).expect(400);
    });

    it('may bring 8 KiB of data', async () => {
      const data = { text: 'é'.repeat((8192 - '{"text":""}'.length - 1) / 2) + 'x' };
      expect(Buffer.byteLength(JSON.stringify(data))).toBe(8192);
      await post('/events', { ...event, id: randomUUID(), data }).expect(201);
    });

    it.each(['1e999', '-1e999', '[1, {"y": 1e309}]'])(
      'are refused with a number in their data that no double holds: %s',
      async (x) => {
        const { data: _, ...rest } = { ...event, id: randomUUID() };
        const body = JSON.stringify(rest).replace('{', `{"data":{"x":${x}},`);
        const answer = await app.request
          .post(`${api}/events`)
          .set('Content-Type', 'application/json')
          .send(body);

        expect([answer.status, pointers(answer.body)]).toEqual([400, ['/data']]);
      },
    );
  });
});

describe('lists of enrollments, of a table that is full of those of one course', () => {
  let database: TestDatabase;
  const admin = { role: 'admin', sub: 'ADMIN001' } as Principal;
  const teacher = (sub: string) => ({ role: 'teacher', sub }) as Principal;

  beforeAll(async () => {
    database = await createTestDatabase();
    await database.dataSource.query(`
      INSERT INTO users (code, role, deleted_at)
      SELECT 'S' || n, 'student', CASE n WHEN 7 THEN now() END FROM generate_series(1, 20000) n;
      INSERT INTO users (code, role) VALUES ('TEACH1', 'teacher'), ('TEACH2', 'teacher');
      INSERT INTO courses (code, name, starts_at, ends_at)
      SELECT code, code, now(), now() + interval '9 days' FROM unnest('{FULL,SMALL,EMPTY}'::text[]) code;
      INSERT INTO enrollments (user_id, course_id, enrolled_at)
      SELECT u.id, c.id, now() - u.id % 7 * interval '1 day' FROM users u, courses c
      WHERE u.role = 'student' AND c.code = 'FULL' ORDER BY u.id;
      INSERT INTO enrollments (user_id, course_id, role, enrolled_at)
      SELECT u.id, c.id, u.role, now() - u.id % 7 * interval '1 day' FROM users u, courses c
      WHERE (u.code IN ('S1', 'S7', 'S9', 'TEACH1') OR u.code LIKE 'S99__') AND c.code = 'SMALL' ORDER BY u.id`);
    await database.dataSource.query('ANALYZE');
  });
  afterAll(() => database.drop());

  /** What a page holds, where the next begins, and how many rows of the table were looked at for it. */
  async function page(principal: Principal, query: Partial<EnrollmentQuery>) {
    const { given, read } = await countingReads(database.dataSource, 'enrollments', (dataSource) =>
      new EnrollmentsService(dataSource).list(principal, { limit: 40, ...query }),
    );
    const { data, next_cursor } = given;
    return { ids: data.map(({ enrollment_id }) => enrollment_id), next_cursor, read };
  }

  const ofSome: [string, Principal, Partial<EnrollmentQuery>, string][] = [
    ['another course', admin, { course_id: 'SMALL' }, `c.code = 'SMALL'`],
    ['a course without any', admin, { course_id: 'EMPTY' }, 'false'],
    ['a course that is not there', admin, { course_id: 'NOPE' }, 'false'],
    ['whoever teaches another', teacher('TEACH1'), {}, `c.code = 'SMALL'`],
    ['a course that somebody else teaches', teacher('TEACH1'), { course_id: 'FULL' }, 'false'],
    ['whoever teaches none', teacher('TEACH2'), {}, 'false'],
  ];

  it.each(ofSome)(
    'look at the rows of %s alone, and show each once, the oldest first',
    async (_, principal, query, which) => {
      const expected = await database.dataSource.query<{ id: string }[]>(
        `SELECT e.id FROM enrollments e JOIN users u ON u.id = e.user_id JOIN courses c ON c.id = e.course_id
         WHERE u.deleted_at IS NULL AND ${which} ORDER BY e.enrolled_at, e.id`,
      );

      const shown: string[] = [];
      let cursor: string | undefined;
      do {
        const next = await page(principal, { ...query, ...(cursor === undefined ? {} : { cursor }) });
        expect(next.read).toBeLessThan(400);
        shown.push(...next.ids);
        cursor = next.next_cursor ?? undefined;
      } while (cursor !== undefined);

      expect(shown).toEqual(expected.map(({ id }) => id));
    },
  );

  it.each([
    ['that course', { course_id: 'FULL' }],
    ['all', {}],
  ])('look at no more than they show of %s, either', async (_, query) => {
    const first = await page(admin, query);
    const second = await page(admin, { ...query, cursor: first.next_cursor! });

    expect(new Set([...first.ids, ...second.ids]).size).toBe(80);
    expect(Math.max(first.read, second.read)).toBeLessThan(400);
  });
});
