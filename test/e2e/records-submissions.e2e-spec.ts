import { randomUUID } from 'node:crypto';
import type { Principal } from '../../src/access/principal.js';
import type { SubmissionQuery } from '../../src/records/submissions/submission.dto.js';
import { SubmissionsService } from '../../src/records/submissions/submissions.service.js';
import { patientDatabase } from '../support/patient-database.js';
import { pollUntil } from '../support/processes.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { peopleOfTwoCourses, type TwoCourses } from '../support/two-courses.js';
import { countingReads, waitsForLock } from '../support/watched-statements.js';

interface Shown {
  submission_id: string;
  attempt_no: number;
  submitted_at: string;
  is_final: boolean;
}

describe('submissions', () => {
  let database: TestDatabase;
  let app: TestApp;
  let people: TwoCourses;

  const api = '/api/v3';
  const submit = (body: object) =>
    app.request.post(`${api}/submissions`).send({ activity_id: 'PROG-101-A1', ...body });
  const shown = (id: string) => app.request.get(`${api}/submissions/${id}`);
  const grade = (id: string, body: object, ifMatch?: string) => {
    const request = app.request.put(`${api}/submissions/${id}/grade`);
    return (ifMatch === undefined ? request : request.set('If-Match', ifMatch)).send(body);
  };
  const attempts = async (student: string): Promise<Shown[]> =>
    (await app.request.get(`${api}/submissions?student_id=${student}&activity_id=PROG-101-A1`)).body.data;

  beforeAll(async () => {
    database = await createTestDatabase();
    people = await peopleOfTwoCourses(database.dataSource);
    app = await startTestApp({ env: { DATABASE_URL: database.url, ...patientDatabase } });
  });
  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  it('handed in at the same time get numbers of their own, and the last one counts', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => submit({ student_id: 'STU003' })));

    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(201));
    const rows = await attempts('STU003');
    expect(rows.map(({ attempt_no }) => attempt_no)).toEqual(Array.from({ length: 20 }, (_, n) => 20 - n));
    expect(rows.filter(({ is_final }) => is_final)).toEqual([rows[0]]);
  });

  it('handed in while an import brings an attempt get the next number', async () => {
    const importing = database.dataSource.createQueryRunner();
    await importing.startTransaction();
    await importing.query(
      `INSERT INTO submissions (user_id, activity_id, attempt_no, submitted_at)
       SELECT u.id, a.id, 1, now() FROM users u, activities a WHERE u.code = 'STU008' AND a.code = 'PROG-101-A1'`,
    );

    const handedIn = submit({ student_id: 'STU008' }).then((answer) => answer);
    await pollUntil(() => waitsForLock(database.dataSource, 'INSERT INTO "submissions"%'), 20_000);
    await importing.commitTransaction();
    await importing.release();

    expect(await handedIn).toMatchObject({ status: 201, body: { attempt_no: 2 } });
    expect((await attempts('STU008')).map(({ is_final }) => is_final)).toEqual([true, false]);
  });

  it('with one client_id at the same time are one', async () => {
    const client_id = randomUUID();
    const spelled = [client_id, client_id.toUpperCase()];
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => submit({ student_id: 'STU001', client_id: spelled[n % 2] })),
    );

    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 201]);
    expect(new Set(answers.map(({ body }) => `${body.submission_id} ${body.client_id}`)).size).toBe(1);
    await submit({ student_id: 'STU001', client_id, submitted_at: '2026-01-01T00:00:00Z' }).expect(409);
  });

  it('count in the order in which they arrive, whenever they were handed in', async () => {
    const at = (daysAgo: number) => new Date(Date.now() - daysAgo * 86_400_000).toISOString();
    const task = {
      activity_id: 'OUT-OF-ORDER',
      title: 'x',
      kind: 'quiz',
      status: 'published',
      due_at: at(2),
    };
    await app.request.post(`${api}/courses/PROG-101/activities`).send(task).expect(201);
    const handIn = async (daysAgo: number, score: number) => {
      const { body } = await submit({
        ...{ student_id: 'STU009', activity_id: 'OUT-OF-ORDER', submitted_at: at(daysAgo) },
      }).expect(201);
      await grade(body.submission_id, { score }, '*').expect(200);
      return (await shown(body.submission_id)).body as Shown;
    };

    const late = await handIn(1, 90);
    const onTime = await handIn(3, 40);

    expect(late.attempt_no).toBe(1);
    expect(onTime).toMatchObject({ attempt_no: 2, is_final: true });
    const view = await app.request.get(`${api}/analytics/students/STU009?course_id=PROG-101`).expect(200);
    const [{ average_score, factors }] = view.body.courses;
    expect(average_score).toBe(40);
    expect(factors).toContainEqual(
      expect.objectContaining({
        code: 'late_work',
        evidence: expect.objectContaining({ submitted_count: 1, late_count: 1 }),
      }),
    );
  });

  it('keep the due date that they met', async () => {
    const before = await submit({ student_id: 'STU001' });
    expect(before.body.due_at_effective).not.toBeNull();
    await app.request
      .patch(`${api}/activities/PROG-101-A1`)
      .send({ due_at: '2100-01-01T00:00:00Z' })
      .expect(200);
    const after = await submit({ student_id: 'STU001' });
    expect(after.body.due_at_effective).toBe('2100-01-01T00:00:00.000Z');
    expect((await shown(before.body.submission_id)).body.due_at_effective).toBe(before.body.due_at_effective);
  });

  it.each([
    ['an unknown student', { student_id: 'NOBODY' }, '/student_id'],
    ['a student of another course', { student_id: 'STU002' }, '/student_id'],
    ['a student who has finished', { student_id: 'STU004' }, '/student_id'],
    ['a student who dropped out', { student_id: 'STU005' }, '/student_id'],
    ['a deleted student', { student_id: 'STU006' }, '/student_id'],
    ['the teacher', { student_id: 'TEACH001' }, '/student_id'],
    ['an unknown activity', { student_id: 'STU001', activity_id: 'NONE' }, '/activity_id'],
    ['a time in the future', { student_id: 'STU001', submitted_at: '2150-01-01T00:00:00Z' }, '/submitted_at'],
  ])('are not taken from %s', async (_, body, pointer) => {
    const answer = await submit(body);
    expect([answer.status, answer.body.errors?.[0]?.pointer]).toEqual([422, pointer]);
  });

  it('are taken for published and open activities only', async () => {
    const add = (activity: object) =>
      app.request
        .post(`${api}/courses/PROG-101/activities`)
        .send({ title: 'x', kind: 'quiz', ...activity })
        .expect(201);
    await add({ activity_id: 'DRAFT' });
    await add({ activity_id: 'LATER', status: 'published', opens_at: '2100-01-01T00:00:00Z' });
    await submit({ student_id: 'STU001', activity_id: 'DRAFT' }).expect(422);
    await submit({ student_id: 'STU001', activity_id: 'LATER' }).expect(422);
  });

  it('declared void count for nothing, and the one before counts again', async () => {
    const [last, before] = await attempts('STU003');
    const voided = await app.request.post(`${api}/submissions/${last!.submission_id}/void`).expect(200);
    expect(voided.body).toMatchObject({ status: 'voided', is_final: false });
    expect((await attempts('STU003')).filter(({ is_final }) => is_final)).toEqual([
      { ...before, is_final: true },
    ]);

    const again = await app.request.post(`${api}/submissions/${last!.submission_id}/void`).expect(200);
    expect(again.body).toEqual(voided.body);
    await grade(last!.submission_id, { score: 50 }, '*').expect(409);
    expect((await submit({ student_id: 'STU003' })).body.attempt_no).toBe(21);
    await app.request.post(`${api}/submissions/999999/void`).expect(404);
  });

  it('are not sent again to whoever has them as they are', async () => {
    const id = (await submit({ student_id: 'STU001' })).body.submission_id as string;
    const seen = (await shown(id)).headers.etag!;

    for (const held of [seen, `W/${seen}`, `"other", ${seen}`, '*']) {
      const answer = await shown(id).set('If-None-Match', held).expect(304);
      expect([answer.text, answer.headers.etag]).toEqual(['', seen]);
    }
    await shown(id).set('If-None-Match', '"other"').expect(200);
    await grade(id, { score: 80 }, seen).expect(200);
    await shown(id).set('If-None-Match', seen).expect(200);
    await shown('999999').set('If-None-Match', '*').expect(404);
    await shown(id).set('If-Match', seen).expect(412);
    await shown(id).set('If-Match', '*').expect(200);
  });

  it.each([
    ['empty', ''],
    ['of something', '{"surprise":true}'],
  ])('are declared void whatever body comes with that: %s', async (_, body) => {
    const id = (await submit({ student_id: 'STU001' })).body.submission_id as string;
    const answer = await app.request
      .post(`${api}/submissions/${id}/void`)
      .set('Content-Type', 'application/json')
      .send(body);
    expect([answer.status, answer.body.status]).toEqual([200, 'voided']);
  });

  it('are declared void only as they were seen, by whoever says what that was', async () => {
    const id = (await submit({ student_id: 'STU001' })).body.submission_id as string;
    const seen = (await shown(id)).headers.etag!;
    const voided = (ifMatch: string) =>
      app.request.post(`${api}/submissions/${id}/void`).set('If-Match', ifMatch);

    await grade(id, { score: 80 }, seen).expect(200);
    await voided(seen).expect(412);
    expect((await shown(id)).body.status).toBe('graded');
    await voided((await shown(id)).headers.etag!).expect(200);
  });

  it('are graded only as they were seen, and each change is recorded', async () => {
    const id = (await submit({ student_id: 'STU001' })).body.submission_id as string;
    const seen = (await shown(id)).headers.etag!;

    await grade(id, { score: 80 }).expect(428);
    await grade(id, { score: 80 }, '"other"').expect(412);
    await grade(id, { score: 80 }, `W/${seen}`).expect(412);
    await grade('999999', { score: 80 }, seen).expect(404);
    const graded = await grade(id, { score: 80 }, `"other", ${seen}`).expect(200);
    expect(graded.body).toMatchObject({ score: 80, status: 'graded' });
    await grade(id, { score: 90 }, seen).expect(412);
    const unchanged = await grade(id, { score: 80 }, graded.headers.etag).expect(200);
    expect(unchanged.body).toEqual(graded.body);
    await grade(id, { score: 62.25, reason: 'Appeal' }, '*').expect(200);

    const changes = await database.dataSource.query(
      'SELECT old_score, new_score, reason FROM grade_changes WHERE submission_id = $1 ORDER BY id',
      [id],
    );
    expect(changes).toEqual([
      { old_score: null, new_score: '80.00', reason: null },
      { old_score: '80.00', new_score: '62.25', reason: 'Appeal' },
    ]);
  });

  it('whose grade is corrected do not lose the one they had in the past', async () => {
    const id = people.submissions.STU002;
    await database.dataSource.query(
      `UPDATE submissions SET status = 'graded', score = 45, submitted_at = now() - interval '21 days',
         graded_at = now() - interval '20 days' WHERE id = $1`,
      [id],
    );
    const before = (await shown(id)).body.graded_at;
    const corrected = await grade(id, { score: 50 }, '*').expect(200);
    expect(corrected.body).toMatchObject({ score: 50, graded_at: before });

    const lastWeek = new Date(Date.now() - 7 * 86_400_000).toISOString();
    const view = await app.request.get(`${api}/analytics/students/STU002/at/${lastWeek}?course_id=PROG-102`);
    expect(view.body.courses).toMatchObject([{ average_score: 50 }]);
  });

  it.each([
    ['another', 70],
    ['the same', 40],
  ])('whose grade is assumed to be given later are graded when %s is given', async (_, score) => {
    const { body } = await submit({ student_id: 'STU001' });
    await database.dataSource.query(
      `UPDATE submissions SET status = 'graded', score = 40, graded_at = clock_timestamp() + interval '11 days' WHERE id = $1`,
      [body.submission_id],
    );
    const before = await shown(body.submission_id);

    const graded = await grade(body.submission_id, { score }, before.headers.etag);

    expect(graded.status).toBe(200);
    const [row] = await database.dataSource.query<object[]>(
      `SELECT s.graded_at BETWEEN s.submitted_at AND clock_timestamp() AS counts, g.old_score, g.new_score::int
       FROM submissions s JOIN grade_changes g ON g.submission_id = s.id WHERE s.id = $1`,
      [body.submission_id],
    );
    expect(row).toEqual({ counts: true, old_score: '40.00', new_score: score });
    const again = await grade(body.submission_id, { score }, '*').expect(200);
    expect(again.body).toEqual(graded.body);
  });

  it('graded by two teachers at once get one of the grades', async () => {
    const id = (await submit({ student_id: 'STU001' })).body.submission_id as string;
    const seen = (await shown(id)).headers.etag!;
    const answers = await Promise.all([10, 20, 30, 40].map((score) => grade(id, { score }, seen)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412]);
  });

  it.each([-1, 100.01, 33.333, 1e-7, -1e-7, 5e-324, 99.999999999, '80', null, undefined])(
    'are not graded with %s',
    async (score) => {
      const [last] = await attempts('STU001');
      await grade(last!.submission_id, { score }, '*').expect(400);
    },
  );

  it('are listed newest first, by course, student and activity', async () => {
    const timesOf = async (path: string) => {
      const { body, headers } = await app.request.get(path).expect(200);
      const times = (body as { data: Shown[] }).data.map(({ submitted_at }) => submitted_at);
      return { times, next: /<(.+)>/.exec(headers.link ?? '')?.[1] };
    };
    const list = `${api}/submissions?course_id=PROG-101`;
    const { times: all } = await timesOf(`${list}&limit=200`);
    const first = await timesOf(`${list}&limit=5`);
    const second = await timesOf(first.next!);

    expect(all.length).toBeGreaterThan(10);
    expect(all).toEqual([...all].sort().reverse());
    expect([...first.times, ...second.times]).toEqual(all.slice(0, 10));
    expect((await app.request.get(`${api}/submissions?course_id=PROG-102`)).body.data).toHaveLength(1);
  });

  it('of who is deleted are found no more, and not judged', async () => {
    const [last] = await attempts('STU003');
    const { submission_id: id } = last!;

    await app.request.delete(`${api}/users/STU003`).expect(204);

    expect(await attempts('STU003')).toEqual([]);
    await grade(id, { score: 50 }, '*').expect(404);
    await app.request.post(`${api}/submissions/${id}/void`).expect(404);
  });
});

describe('lists of submissions, of a table that is full of those of one course', () => {
  let database: TestDatabase;
  const admin = { role: 'admin', sub: 'ADMIN001' } as Principal;
  const teacher = (sub: string) => ({ role: 'teacher', sub }) as Principal;

  beforeAll(async () => {
    database = await createTestDatabase();
    await peopleOfTwoCourses(database.dataSource);
    await database.dataSource.query(`
      INSERT INTO activities (code, course_id, title, kind, status)
      SELECT c.code || '-A' || n, c.id, 'More', 'quiz', 'published' FROM courses c, generate_series(2, 4) n;
      INSERT INTO courses (code, name, starts_at, ends_at) SELECT 'EMPTY', 'Empty', now(), now() + interval '9 days';
      INSERT INTO submissions (user_id, activity_id, attempt_no, submitted_at)
      SELECT u.id, a.id, n, now() - n % 3 * interval '1 hour'
      FROM generate_series(2, 5) n, users u, activities a
      WHERE u.code IN ('STU002', 'STU003', 'STU006') AND a.code LIKE 'PROG-102%' ORDER BY n, u.id, a.id;
      INSERT INTO submissions (user_id, activity_id, attempt_no, submitted_at)
      SELECT u.id, a.id, n, now() - n % 7 * interval '1 minute' FROM generate_series(6, 10000) n, users u, activities a
      WHERE u.code = 'STU001' AND a.code IN ('PROG-101-A1', 'PROG-101-A2')`);
    await database.dataSource.query('ANALYZE');
  });
  afterAll(() => database.drop());

  /** What a page holds, where the next begins, and how many rows of the table were looked at for it. */
  async function page(principal: Principal, query: Partial<SubmissionQuery>) {
    const { given, read } = await countingReads(database.dataSource, 'submissions', (dataSource) =>
      new SubmissionsService(dataSource).list(principal, { limit: 5, ...query }),
    );
    const { data, next_cursor } = given;
    return { ids: data.map(({ submission_id }) => submission_id), next_cursor, read };
  }

  const ofOthers: [string, Principal, Partial<SubmissionQuery>, string][] = [
    ['another course', admin, { course_id: 'PROG-102' }, `c.code = 'PROG-102'`],
    ['an activity of it', admin, { activity_id: 'PROG-102-A3' }, `a.code = 'PROG-102-A3'`],
    ['a course without any', admin, { course_id: 'EMPTY' }, 'false'],
    ['a course that is not there', admin, { course_id: 'NOPE' }, 'false'],
    ['whoever teaches another', teacher('TEACH002'), {}, `c.code = 'PROG-102'`],
    ['a course that somebody else teaches', teacher('TEACH002'), { course_id: 'PROG-101' }, 'false'],
    ['whoever teaches none', teacher('TEACH004'), {}, 'false'],
  ];

  it.each(ofOthers)(
    'look at the rows of %s alone, and show each once, the newest first',
    async (_, principal, query, which) => {
      const expected = await database.dataSource.query<{ id: string }[]>(
        `SELECT s.id FROM submissions s JOIN users u ON u.id = s.user_id JOIN activities a ON a.id = s.activity_id
         JOIN courses c ON c.id = a.course_id WHERE u.deleted_at IS NULL AND ${which} ORDER BY s.submitted_at DESC, s.id DESC`,
      );

      const shown: string[] = [];
      let cursor: string | undefined;
      do {
        const next = await page(principal, { ...query, ...(cursor === undefined ? {} : { cursor }) });
        expect(next.read).toBeLessThan(200);
        shown.push(...next.ids);
        cursor = next.next_cursor ?? undefined;
      } while (cursor !== undefined);

      expect(shown).toEqual(expected.map(({ id }) => id));
    },
  );

  it.each([
    ['that course', { course_id: 'PROG-101' }],
    ['all', {}],
  ])('look at no more than they show of %s, either', async (_, query) => {
    const [newest] = await database.dataSource.query<{ ids: string[] }[]>(
      'SELECT array_agg(id::text) AS ids FROM (SELECT id FROM submissions ORDER BY submitted_at DESC, id DESC LIMIT 10) newest',
    );

    const first = await page(admin, query);
    const second = await page(admin, { ...query, cursor: first.next_cursor! });

    expect([...first.ids, ...second.ids]).toEqual(newest!.ids);
    expect(Math.max(first.read, second.read)).toBeLessThan(200);
  });
});
