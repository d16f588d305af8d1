import type {
  CourseStudentDto,
  CourseStudentPage,
} from '../../src/analytics/courses/course-analytics.dto.js';
import { CourseAnalyticsService } from '../../src/analytics/courses/course-analytics.service.js';
import { StudentRiskService } from '../../src/analytics/students/student-risk.service.js';
import { expectHit, expectMiss } from '../../src/cache/testing/index.js';
import { encodeCursor } from '../../src/http/page.dto.js';
import { openApiDocument } from '../support/openapi.js';
import { pollUntil } from '../support/processes.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { day, someRows, store, type Rows } from './analytics-rows.js';

let database: TestDatabase;
let app: TestApp;
const base = '/api/v3/analytics';
const asOf = '2026-02-20T12:00:00Z';

/** A course under way now, with ties in risk, name and activity. */
function tiedRows(): Rows {
  const now = Date.now();
  return {
    course: { code: 'TIES-1', startsAt: now - 30 * day, endsAt: now + 30 * day, passMark: 60 },
    students: Array.from({ length: 25 }, (_, i) => ({
      code: `TIE${String(i).padStart(3, '0')}`,
      enrolledAt: now - 30 * day,
      endedAt: null,
      status: 'active',
    })),
    activities: [
      { code: 'TIES-1-A1', status: 'published', weight: 1, dueAt: now + day / 2, isRequired: true },
    ],
    submissions: [],
    sessions: [],
    messages: [],
    events: ['TIE003', 'TIE017', 'TIE018'].map((student) => ({
      student,
      verb: 'viewed',
      at: now - 20 * day,
    })),
  };
}

beforeAll(async () => {
  database = await createTestDatabase();
  await store(database.dataSource, someRows(7));
  await store(database.dataSource, tiedRows());
  app = await startTestApp({ env: { DATABASE_URL: database.url } });
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

describe('the analytics over HTTP', () => {
  it('answers the second call from the cache, computed at the same moment', async () => {
    const first = await app.request.get(`${base}/courses/PROG-101`).expect(200);
    const second = await app.request.get(`${base}/courses/PROG-101?utm=x`).expect(200);

    expectMiss(first);
    expectHit(second);
    expect(second.body).toEqual(first.body);
  });

  it.each([
    ['courses/PROG%00', [CourseAnalyticsService.prototype, 'courseAt']],
    [`courses/${'x'.repeat(65)}`, [CourseAnalyticsService.prototype, 'courseAt']],
    [`courses/PROG%20101/at/${asOf}`, [CourseAnalyticsService.prototype, 'courseAt']],
    ['courses/PROG%00/students', [CourseAnalyticsService.prototype, 'students']],
    [`courses/PROG%00/at/${asOf}/students`, [CourseAnalyticsService.prototype, 'studentsAt']],
    ['students/STU%00', [StudentRiskService.prototype, 'riskAt']],
    [`students/STU%00/at/${asOf}`, [StudentRiskService.prototype, 'riskAt']],
    ['students/STU001?course_id=%00', [StudentRiskService.prototype, 'riskAt']],
    ['students/STU001?course_id=', [StudentRiskService.prototype, 'riskAt']],
  ] as [string, [object, never]][])(
    'finds nothing at what is no id, and looks for nothing: %s',
    async (path, of) => {
      const asked = jest.spyOn(...of);

      const answer = await app.request.get(`${base}/${path}`);

      expect([answer.status, answer.body.code]).toEqual([404, 'not_found']);
      expect(asked).not.toHaveBeenCalled();
      asked.mockRestore();
    },
  );

  it('is asked for one course at a time', async () => {
    const answer = await app.request.get(`${base}/students/STU001?course_id=PROG-101&course_id=PROG-101`);

    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({
      code: 'validation_failed',
      errors: [{ pointer: '/query/course_id', code: 'once' }],
    });
  });

  it('knows as a student whoever learns in a course, also who teaches elsewhere', async () => {
    const person = { user_id: 'LEARNS', role: 'teacher' };
    await app.request.post('/api/v3/users').send(person).expect(201);
    await app.request.get(`${base}/students/LEARNS?course_id=PROG-101`).expect(404);

    await app.request
      .post('/api/v3/enrollments')
      .send({ user_id: 'LEARNS', course_id: 'PROG-101' })
      .expect(201);

    const answer = await app.request.get(`${base}/students/LEARNS?course_id=PROG-101`).expect(200);
    expect(answer.body).toMatchObject({ student_id: 'LEARNS', course_id: 'PROG-101' });
  });

  it('keeps the views of a student with and without a course apart', async () => {
    // A process learns from its first answer which tags results name, and does not keep that one.
    await app.request.get(`${base}/students/STU002`).expect(200);
    const all = await app.request.get(`${base}/students/STU001`).expect(200);
    const one = await app.request.get(`${base}/students/STU001?course_id=PROG-101`).expect(200);

    expectMiss(one);
    expect([all.body.course_id, one.body.course_id]).toEqual([null, 'PROG-101']);
    await app.request.get(`${base}/students/STU001`).expect(200).expect(expectHit);
  });

  it.each(['STU001', `STU001/at/2026-02-19T12:00:00Z`])(
    'keeps the risk of %s, which depends on writes about peers that do not name it, for 45 s at most',
    async (student) => {
      for (let n = 0; n < 2; n++)
        await app.request.get(`${base}/students/${student}?course_id=PROG-101`).expect(200);
      const hit = await app.request.get(`${base}/students/${student}?course_id=PROG-101`).expect(expectHit);

      const [, ttlS] = /ttl=(\d+)/.exec(hit.get('cache-status') ?? '') ?? [];
      expect(Number(ttlS)).toBeLessThanOrEqual(45);
    },
  );

  it('answers the same at a past moment however often, and from the cache', async () => {
    for (const path of [`courses/PROG-101/at/${asOf}`, `students/STU001/at/${asOf}`]) {
      const first = await app.request.get(`${base}/${path}`).expect(200);
      const second = await app.request.get(`${base}/${path}`).expect(200);

      expect(first.body.as_of).toBe('2026-02-20T12:00:00.000Z');
      expectHit(second);
      expect(second.body).toEqual(first.body);
    }
  });

  it.each([
    ['courses/PROG-101/at/2999-01-01T00:00:00Z', 422, 'unprocessable'],
    ['students/STU001/at/2999-01-01T00:00:00Z', 422, 'unprocessable'],
    ['courses/PROG-101/at/yesterday', 400, 'validation_failed'],
    ['courses/PROG-101/at/2026-02-31T00:00:00Z', 400, 'validation_failed'],
    ['courses/PROG-101/at/2026-02-05', 400, 'validation_failed'],
    ['courses/NONE-1', 404, 'not_found'],
    ['courses/NONE-1/students', 404, 'not_found'],
    [`courses/NONE-1/at/${asOf}/students`, 404, 'not_found'],
    ['courses/PROG-101/at/2999-01-01T00:00:00Z/students', 422, 'unprocessable'],
    ['courses/PROG-101/at/yesterday/students', 400, 'validation_failed'],
    [`courses/PROG-101/at/${asOf}/students?sort=luck`, 400, 'validation_failed'],
    [`courses/NONE-1/at/${asOf}`, 404, 'not_found'],
    ['students/NOBODY', 404, 'not_found'],
    ['students/STU001?course_id=NONE-1', 404, 'not_found'],
    ['students/STU001?course_id=', 404, 'not_found'],
    ['courses/PROG-101/students?sort=luck', 400, 'validation_failed'],
    ['courses/PROG-101/students?limit=201', 400, 'validation_failed'],
    [
      `courses/PROG-101/students?cursor=${encodeCursor('course_students/PROG-101/risk', [1])}`,
      400,
      'validation_failed',
    ],
    [
      `courses/PROG-101/students?sort=name&cursor=${encodeCursor('course_students/PROG-101/name', [1, 'STU001'])}`,
      400,
      'validation_failed',
    ],
  ])('answers %s with %d %s', async (path, status, code) => {
    const { body } = await app.request.get(`${base}/${path}`).expect(status);

    expect(body.code).toBe(code);
  });

  it('says in which fields a missing course tells what the cache had to do with it', async () => {
    const { paths } = await openApiDocument();
    const described = paths['/api/v3/analytics/courses/{course_id}']!.get!.responses['404'] as {
      headers?: object;
    };

    const { headers } = await app.request.get(`${base}/courses/NONE-1`).expect(404);

    for (const name of ['X-Cache', 'Cache-Status']) {
      expect(Object.keys(described.headers ?? {})).toContain(name);
      expect(Object.keys(headers as object)).toContain(name.toLowerCase());
    }
  });

  it.each(['risk', 'name', 'last_activity'])(
    'pages through all students by %s, ties included, each once',
    async (sort) => {
      const seen: { student_id: string }[] = [];
      let path: string | null = `${base}/courses/TIES-1/students?limit=4&sort=${sort}`;
      for (let pages = 0; path !== null && pages < 20; pages++) {
        const { body, headers }: { body: CourseStudentPage; headers: Record<string, string> } =
          await app.request.get(path).expect(200);
        seen.push(...body.data);
        const next = /<([^>]+)>; rel="next"/.exec(headers.link ?? '');
        expect(next === null).toBe(body.next_cursor === null);
        path = next?.[1] ?? null;
      }

      const whole = await app.request
        .get(`${base}/courses/TIES-1/students?limit=200&sort=${sort}`)
        .expect(200);
      expect(seen).toEqual(whole.body.data);
      expect(new Set(seen.map(({ student_id }) => student_id)).size).toBe(25);
    },
  );

  it.each([
    ['risk', '2026-02-20T12:00:01.000Z'],
    ['name', '2026-02-20T12:00:02.000Z'],
    ['last_activity', '2026-02-20T12:00:03.000Z'],
  ])('pages through all students of a past moment by %s, computed once', async (sort, moment) => {
    const computing = jest.spyOn(CourseAnalyticsService.prototype, 'ratedStudents');
    const list = `${base}/courses/PROG-101/at/${moment}/students?sort=${sort}`;
    const seen: CourseStudentDto[] = [];
    let path: string | undefined = `${list}&limit=4`;
    for (let pages = 0; path !== undefined && pages < 20; pages++) {
      const { body, headers }: { body: CourseStudentPage; headers: Record<string, string> } =
        await app.request.get(path).expect(200);
      seen.push(...body.data);
      path = /<([^>]+)>; rel="next"/.exec(headers.link ?? '')?.[1];
    }

    const whole = await app.request.get(`${list}&limit=200`).expect(200);
    const { body: view } = await app.request.get(`${base}/courses/PROG-101/at/${moment}`).expect(200);
    expect(seen).toEqual(whole.body.data);
    expect(seen).toHaveLength(view.total_students);
    expect(seen).toHaveLength(new Set(seen.map(({ student_id }) => student_id)).size);
    if (sort === 'risk') expect(seen).toEqual(view.students);
    expect(computing).toHaveBeenCalledTimes(1);
    computing.mockRestore();
  });

  it('lists students as they stand after a deadline, however long the list was to be kept', async () => {
    const now = Date.now();
    await store(database.dataSource, {
      ...tiedRows(),
      course: { code: 'DUE-1', startsAt: now - 30 * day, endsAt: now + 30 * day, passMark: 60 },
      students: [{ code: 'DUE001', enrolledAt: now - 20 * day, endedAt: null, status: 'active' }],
      activities: [{ code: 'DUE-1-A1', status: 'published', weight: 1, dueAt: now + 2000, isRequired: true }],
      events: [],
    });

    // It is kept for a minute where nothing is due.
    await pollUntil(async () => {
      const { body } = await app.request.get(`${base}/courses/DUE-1/students`).expect(200);
      return body.data[0].top_factor === 'missing_work';
    }, 20_000);
  });

  it('reads moments of before time zones, also where the clocks of the server then went by the sun', async () => {
    const now = Date.now();
    await store(database.dataSource, {
      ...tiedRows(),
      course: { code: 'OLD-1', startsAt: now - 30 * day, endsAt: now + 30 * day, passMark: 60 },
      students: [{ code: 'OLD001', enrolledAt: now - 20 * day, endedAt: null, status: 'active' }],
      activities: [],
      events: [{ student: 'OLD001', verb: 'viewed', at: Date.parse('1900-01-01T00:00:00Z') }],
    });
    const [{ json }] = await database.dataSource.query<[{ json: string }]>(
      `SELECT to_json(timestamptz '1900-01-01T00:00:00Z') AS json`,
    );
    expect(json).toBe('1899-12-31T20:29:08-03:30:52');

    const paths = ['courses/OLD-1', 'courses/OLD-1/students', 'students/OLD001'];
    const answers = await Promise.all(paths.map((path) => app.request.get(`${base}/${path}`)));

    const told = { last_activity_at: '1900-01-01T00:00:00.000Z' };
    expect(answers.map(({ status, body }) => [status, body])).toMatchObject([
      [200, { students: [told] }],
      [200, { data: [told] }],
      [200, told],
    ]);
  });

  it('takes back the cursor of the longest name there can be', async () => {
    const name = '\u0001'.repeat(200);
    const now = Date.now();
    await store(database.dataSource, {
      ...tiedRows(),
      course: { code: 'NAMES-1', startsAt: now - 30 * day, endsAt: now + 30 * day, passMark: 60 },
      students: ['1', '2'].map((last) => ({
        code: 'N'.repeat(63) + last,
        enrolledAt: now - 20 * day,
        endedAt: null,
        status: 'active',
      })),
      activities: [],
      events: [],
    });
    await database.dataSource.query(`UPDATE users SET full_name = $1 WHERE code LIKE 'NNN%'`, [name]);
    const path = `${base}/courses/NAMES-1/students?sort=name&limit=1`;
    const first = await app.request.get(path).expect(200);
    const second = await app.request.get(`${path}&cursor=${first.body.next_cursor}`).expect(200);
    expect(second.body).toMatchObject({ data: [{ student_name: name }], next_cursor: null });
  });

  it('puts the highest risk first, and the ids decide between equal ones', async () => {
    const { body } = await app.request.get(`${base}/courses/TIES-1`).expect(200);
    const places = body.students.map(
      (one: CourseStudentDto) => `${(1 - (one.risk_score ?? 0)).toFixed(4)} ${one.student_id}`,
    );

    expect(places).toEqual([...places].sort());
    expect(body.students.filter((one: CourseStudentDto) => one.last_activity_at !== null)).toHaveLength(3);
    expect(body.next_deadline_at).toBe(body.activities[0].due_at);
  });
});
