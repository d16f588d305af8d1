import { FirstTraceCounts1770000011000 } from '../../src/database/migrations/1770000011000-first-trace-counts.js';
import { FirstTraceOfStudents1770000013000 } from '../../src/database/migrations/1770000013000-first-trace-of-students.js';
import { activityVerbs } from '../../src/records/events/activity-verbs.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { someRows, store } from './analytics-rows.js';

let database: TestDatabase;

beforeEach(async () => {
  database = await createTestDatabase();
  for (const code of ['PROG-101', 'DATA-201']) {
    const rows = someRows(7, 3, code);
    await store(database.dataSource, { ...rows, submissions: [], sessions: [], messages: [], events: [] });
  }
});

afterEach(() => database.drop());

interface Runs {
  query(sql: string, parameters: unknown[]): Promise<unknown>;
}

const addEvents = (on: Runs, ...events: { course: string; at: string; verb?: string; by?: string }[]) =>
  on.query(
    `INSERT INTO events (user_id, course_id, verb, occurred_at, client_id)
     SELECT u.id, c.id, coalesce(r->>'verb', 'viewed'), (r->>'at')::timestamptz, gen_random_uuid()
     FROM jsonb_array_elements($1::jsonb) r JOIN courses c ON c.code = r->>'course'
       JOIN users u ON u.code = coalesce(r->>'by', 'STU001')`,
    [JSON.stringify(events)],
  );

const teacherOf = (course: string) =>
  database.dataSource.query(
    `WITH teacher AS (INSERT INTO users (code, role) VALUES ('TEACH001', 'teacher') RETURNING id)
     INSERT INTO enrollments (user_id, course_id, role) SELECT t.id, c.id, 'teacher' FROM teacher t, courses c WHERE c.code = $1`,
    [course],
  );

const addSession = (course: string, at: string) =>
  database.dataSource.query(
    `INSERT INTO tutor_sessions (code, user_id, course_id, started_at, last_event_at)
     SELECT 'SES-1', u.id, c.id, $2, $2 FROM users u, courses c WHERE u.code = 'STU001' AND c.code = $1`,
    [course, at],
  );

async function firstTraces(): Promise<Record<string, string | null>> {
  const rows = await database.dataSource.query<{ code: string; first_trace_at: Date | null }[]>(
    'SELECT code, first_trace_at FROM courses',
  );
  return Object.fromEntries(rows.map((row) => [row.code, row.first_trace_at?.toISOString() ?? null]));
}

describe('the first trace of a course', () => {
  it('is the earliest event or tutor session, in whatever order they arrive', async () => {
    expect(await firstTraces()).toEqual({ 'PROG-101': null, 'DATA-201': null });

    await addEvents(
      database.dataSource,
      { course: 'PROG-101', at: '2026-02-03T10:00:00Z' },
      { course: 'PROG-101', at: '2026-02-02T10:00:00Z' },
    );
    expect(await firstTraces()).toEqual({ 'PROG-101': '2026-02-02T10:00:00.000Z', 'DATA-201': null });

    await addEvents(database.dataSource, { course: 'PROG-101', at: '2026-02-09T10:00:00Z' });
    await addSession('PROG-101', '2026-02-01T10:00:00Z');
    expect(await firstTraces()).toEqual({ 'PROG-101': '2026-02-01T10:00:00.000Z', 'DATA-201': null });
  });

  it('is no event with a verb that does not count as activity', async () => {
    await addEvents(
      database.dataSource,
      { course: 'PROG-101', at: '2026-02-02T10:00:00Z', verb: 'scrolled' },
      { course: 'PROG-101', at: '2026-02-03T10:00:00Z' },
      { course: 'DATA-201', at: '2026-02-02T10:00:00Z', verb: 'scrolled' },
    );

    expect(await firstTraces()).toEqual({ 'PROG-101': '2026-02-03T10:00:00.000Z', 'DATA-201': null });
  });

  it('is no event of somebody who is no student of the course', async () => {
    await teacherOf('PROG-101');

    await addEvents(
      database.dataSource,
      { course: 'PROG-101', at: '2026-02-02T10:00:00Z', by: 'TEACH001' },
      { course: 'PROG-101', at: '2026-02-03T10:00:00Z' },
      { course: 'DATA-201', at: '2026-02-02T10:00:00Z', by: 'TEACH001' },
    );

    expect(await firstTraces()).toEqual({ 'PROG-101': '2026-02-03T10:00:00.000Z', 'DATA-201': null });
  });

  it('is no event that arrives before its person is enrolled, but one afterwards, whenever it took place', async () => {
    const { dataSource } = database;
    const early = { course: 'PROG-101', by: 'NEW001' };
    await dataSource.query(`INSERT INTO users (code, role) VALUES ('NEW001', 'student')`);
    await addEvents(dataSource, { ...early, at: '2026-02-01T10:00:00Z' });
    await dataSource.query(
      `INSERT INTO enrollments (user_id, course_id, enrolled_at)
       SELECT u.id, c.id, '2026-02-03Z' FROM users u, courses c WHERE u.code = 'NEW001' AND c.code = 'PROG-101'`,
    );
    expect(await firstTraces()).toMatchObject({ 'PROG-101': null });

    await addEvents(dataSource, { ...early, at: '2026-02-02T10:00:00Z' });

    expect(await firstTraces()).toMatchObject({ 'PROG-101': '2026-02-02T10:00:00.000Z' });
  });

  it.each([
    ['beside those of students', '2026-02-03T10:00:00.000Z', [{ at: '2026-02-03T10:00:00Z' }]],
    ['alone', null, []],
  ])('is found anew where such an event was taken for one before, %s', async (_, first, more) => {
    await teacherOf('PROG-101');
    const ofStudents = new FirstTraceOfStudents1770000013000();
    const migrate = (direction: 'up' | 'down') =>
      database.dataSource.transaction(({ queryRunner }) => ofStudents[direction](queryRunner!));
    await migrate('down');
    const byTeacher = { course: 'PROG-101', at: '2026-02-02T10:00:00Z', by: 'TEACH001' };
    await addEvents(
      database.dataSource,
      byTeacher,
      ...more.map((event) => ({ course: 'PROG-101', ...event })),
    );
    expect(await firstTraces()).toMatchObject({ 'PROG-101': '2026-02-02T10:00:00.000Z' });

    await migrate('up');
    await migrate('up');

    expect(await firstTraces()).toEqual({ 'PROG-101': first, 'DATA-201': null });
    // What is kept of before goes, once.
    expect(await database.dataSource.query('SELECT tags FROM cache_outbox')).toEqual([{ tags: ['epoch'] }]);
  });

  it('is what the triggers and the service take for activity alike', async () => {
    const functions = await database.dataSource.query<{ source: string }[]>(
      `SELECT prosrc AS source FROM pg_proc WHERE proname IN ('activity_days_from_events', 'first_traces_from_events')`,
    );

    expect(functions).toHaveLength(2);
    for (const { source } of functions) {
      const told = source.replaceAll("e.role = 'student'", '');
      expect(new Set([...told.matchAll(/'([a-z_]{3,})'/g)].map(([, verb]) => verb))).toEqual(activityVerbs);
    }
  });

  it('is found anew where such an event was taken for one before', async () => {
    const newest = new FirstTraceCounts1770000011000();
    const migrate = (direction: 'up' | 'down') =>
      database.dataSource.transaction(({ queryRunner }) => newest[direction](queryRunner!));
    await migrate('down');
    await addEvents(
      database.dataSource,
      { course: 'PROG-101', at: '2026-02-02T10:00:00Z', verb: 'scrolled' },
      { course: 'PROG-101', at: '2026-02-03T10:00:00Z' },
      { course: 'DATA-201', at: '2026-02-02T10:00:00Z', verb: 'scrolled' },
    );
    await migrate('up');
    expect(await firstTraces()).toEqual({ 'PROG-101': '2026-02-03T10:00:00.000Z', 'DATA-201': null });
    await migrate('up');

    // What is kept of before goes, once.
    expect(await database.dataSource.query('SELECT tags FROM cache_outbox')).toEqual([{ tags: ['epoch'] }]);
  });

  it('keeps writers of other moments waiting only until the first is noted', async () => {
    const [first, second] = [
      database.dataSource.createQueryRunner(),
      database.dataSource.createQueryRunner(),
    ];
    try {
      await first.startTransaction();
      await second.startTransaction();
      await addEvents(first, { course: 'PROG-101', at: '2026-02-02T10:00:00Z' });
      const both = addEvents(
        second,
        { course: 'DATA-201', at: '2026-02-01T10:00:00Z' },
        { course: 'PROG-101', at: '2026-02-01T10:00:00Z' },
      );
      await first.commitTransaction();
      await both;
      await second.commitTransaction();
    } finally {
      await Promise.all([first.release(), second.release()]);
    }

    const at = '2026-02-01T10:00:00.000Z';
    expect(await firstTraces()).toEqual({ 'PROG-101': at, 'DATA-201': at });
  });
});
