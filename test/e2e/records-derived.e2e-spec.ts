import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import type { Principal } from '../../src/access/principal.js';
import { EnrollmentsService } from '../../src/records/enrollments/enrollments.service.js';
import { IdempotencyService } from '../../src/records/idempotency/idempotency.service.js';
import { inTransaction } from '../../src/records/transaction.js';
import { UsersService } from '../../src/records/users/users.service.js';
import { ifWritten } from '../../src/records/write-effect.js';
import { deferred } from '../support/deferred.js';
import { patientDatabase } from '../support/patient-database.js';
import { pollUntil } from '../support/processes.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { peopleOfTwoCourses } from '../support/two-courses.js';
import { waitsForLock } from '../support/watched-statements.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await peopleOfTwoCourses(database.dataSource);
});
afterAll(() => database.drop());

/** Counters as they are kept, and as they would be counted. */
const counters = (dataSource: DataSource) =>
  Promise.all([
    dataSource.query<unknown[]>(
      `SELECT name, sum(value)::int AS n FROM system_counters GROUP BY name HAVING sum(value) <> 0 ORDER BY name`,
    ),
    dataSource.query<unknown[]>(
      `SELECT name, n::int FROM (
         SELECT 'courses' AS name, count(*) AS n FROM courses
         UNION ALL SELECT 'enrollments', count(*) FROM enrollments
         UNION ALL SELECT 'submissions', count(*) FROM submissions
         UNION ALL SELECT 'tutor_sessions', count(*) FROM tutor_sessions
         UNION ALL SELECT 'tutor_sessions:open', count(*) FROM tutor_sessions WHERE ended_at IS NULL
         UNION ALL SELECT 'events', count(*) FROM events
         UNION ALL SELECT 'users:' || role, count(*) FROM users WHERE deleted_at IS NULL GROUP BY role
       ) counted WHERE n > 0 ORDER BY name`,
    ),
  ]);

/** Days of activity as they are kept, and as they would be put together from what happened. */
const days = (dataSource: DataSource) =>
  Promise.all([
    dataSource.query<unknown[]>(
      `SELECT user_id, course_id, day::text, events, quantity::int, minutes, first_at, last_at
       FROM activity_days ORDER BY user_id, course_id, day`,
    ),
    dataSource.query<unknown[]>(
      `SELECT user_id, course_id, (at AT TIME ZONE 'UTC')::date::text AS day, sum(events)::int AS events,
              sum(quantity)::int AS quantity, sum(minutes)::int AS minutes, min(at) AS first_at, max(at) AS last_at
       FROM (
         SELECT user_id, course_id, occurred_at AS at, 1 AS events, quantity, 0 AS minutes FROM events
         WHERE verb IN ('viewed', 'opened', 'attempted', 'submitted', 'passed', 'failed', 'asked', 'received_hint',
                        'completed', 'logged_in', 'logged_out')
         UNION ALL
         SELECT s.user_id, a.course_id, s.submitted_at, 0, 0, 0
         FROM submissions s JOIN activities a ON a.id = s.activity_id WHERE s.status <> 'banked'
         UNION ALL
         SELECT user_id, course_id, started_at, 0, 0,
                least(240, greatest(0, floor(extract(epoch FROM coalesce(ended_at, last_event_at) - started_at) / 60)))
         FROM tutor_sessions
         UNION ALL
         SELECT s.user_id, s.course_id, m.sent_at, 0, 0, 0
         FROM tutor_messages m JOIN tutor_sessions s ON s.id = m.session_id WHERE m.sender = 'student'
       ) AS activity GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
    ),
  ]);

describe('counters and days of activity', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startTestApp({ env: { DATABASE_URL: database.url, ...patientDatabase } });
  });
  afterAll(() => app.close());

  it('agree with the rows after 300 writes of all kinds, many at once', async () => {
    const random = generator(20260205);
    const pick = <T>(...choices: T[]): T => choices[Math.floor(random() * choices.length)]!;
    const moment = () => new Date(Date.UTC(2026, 1, 1) + Math.floor(random() * 20 * 86_400_000));
    const post = (path: string, body: object) => app.request.post(`/api/v3${path}`).send(body);
    const sessions: { id: string; startedAt: Date }[] = [];
    const people: string[] = [];

    const inSession = (minutes: number) => {
      const session = pick(...sessions);
      return {
        path: `/sessions/${session.id}`,
        at: new Date(session.startedAt.getTime() + minutes * 60_000).toISOString(),
      };
    };
    const startSession = async () => {
      const startedAt = moment();
      const session = { session_id: `R-${sessions.length}`, student_id: 'STU001', course_id: 'PROG-101' };
      sessions.push({ id: session.session_id, startedAt });
      return post('/sessions', { ...session, started_at: startedAt.toISOString() });
    };
    const writes: (() => Promise<unknown>)[] = [
      () => post('/events', event()),
      () =>
        app.request
          .post('/api/v3/events:batch')
          .set('Content-Type', 'application/x-ndjson')
          .send(Array.from({ length: 20 }, () => JSON.stringify(event())).join('\n')),
      () =>
        post('/submissions', {
          ...student(),
          activity_id: 'PROG-101-A1',
          submitted_at: moment().toISOString(),
        }),
      startSession,
      () => {
        const { path, at } = inSession(random() * 300);
        return post(`${path}/messages`, {
          sender: pick('student', 'tutor'),
          kind: pick('question', 'hint'),
          sent_at: at,
        });
      },
      () => {
        const { path, at } = inSession(random() * 400);
        return app.request.patch(`/api/v3${path}`).send({ ended_at: at });
      },
      () => {
        people.push(`R-${people.length}`);
        return post('/users', { user_id: people.at(-1), role: pick('student', 'teacher', 'admin') });
      },
      () => app.request.patch(`/api/v3/users/${pick(...people)}`).send({ role: pick('student', 'teacher') }),
      () => app.request.delete(`/api/v3/users/${pick(...people)}`),
      () => post('/enrollments', { user_id: pick(...people), course_id: pick('PROG-101', 'PROG-102') }),
    ];
    const student = () => ({ student_id: pick('STU001', 'STU003') });
    const event = () => ({
      ...student(),
      id: randomUUID(),
      course_id: 'PROG-101',
      verb: pick('viewed', 'asked', 'daydreamed'),
      quantity: 1 + Math.floor(random() * 9),
      occurred_at: moment().toISOString(),
    });

    await startSession();
    await post('/users', { user_id: (people.push('R-first'), 'R-first'), role: 'student' });
    for (let round = 0; round < 30; round++) {
      await Promise.all(Array.from({ length: 10 }, () => pick(...writes)()));
    }

    const [kept, counted] = await counters(database.dataSource);
    expect(kept).toEqual(counted);
    const [keptDays, recomputed] = await days(database.dataSource);
    expect(keptDays.length).toBeGreaterThan(30);
    expect(keptDays).toEqual(recomputed);
  });

  it('have room for whatever somebody does in a day', async () => {
    const most = 2 ** 31 - 1;
    await database.dataSource.query('UPDATE activity_days SET quantity = quantity + $1', [most]);
    const [day] = await database.dataSource.query<{ code: string; day: string }[]>(
      `SELECT code, day::text FROM activity_days JOIN users ON users.id = user_id LIMIT 1`,
    );

    const answer = await app.request.post('/api/v3/events').send({
      id: randomUUID(),
      student_id: day!.code,
      course_id: 'PROG-101',
      verb: 'viewed',
      occurred_at: `${day!.day}T12:00:00Z`,
    });

    expect(answer.status).toBe(201);
    await database.dataSource.query('UPDATE activity_days SET quantity = quantity - $1', [most]);
    const [keptDays, recomputed] = await days(database.dataSource);
    expect(keptDays).toEqual(recomputed);
  });
});

describe('submissions that are moved, as by an import of corrected files', () => {
  const agree = async () => {
    const [kept, recomputed] = await days(database.dataSource);
    expect(kept).toEqual(recomputed);
  };

  it('move the days of activity, whatever else was done on them', async () => {
    const run = (sql: string) => database.dataSource.query(sql);
    await run(`
      INSERT INTO submissions (user_id, activity_id, attempt_no, submitted_at, status)
      SELECT u.id, a.id, 100 + n, timestamptz '2027-01-01 12:00Z' + n * interval '1 day', CASE n WHEN 5 THEN 'banked' ELSE 'submitted' END
      FROM users u, activities a, generate_series(1, 6) n WHERE u.code = 'STU001' AND a.code = 'PROG-101-A1';
      INSERT INTO events (user_id, course_id, verb, occurred_at, client_id)
      SELECT u.id, c.id, verb, '2027-01-02 13:00Z', gen_random_uuid()
      FROM users u, courses c, unnest('{viewed,daydreamed}'::text[]) verb WHERE u.code = 'STU001' AND c.code = 'PROG-101';
      INSERT INTO tutor_sessions (code, user_id, course_id, started_at, last_event_at, ended_at)
      SELECT 'MOVED', u.id, c.id, '2027-01-03 11:00Z', '2027-01-03 11:00Z', '2027-01-03 11:20Z'
      FROM users u, courses c WHERE u.code = 'STU001' AND c.code = 'PROG-101';
      INSERT INTO tutor_messages (session_id, sender, kind, sent_at)
      SELECT id, sender, 'other', at::timestamptz FROM tutor_sessions,
        (VALUES ('student', '2027-01-04 10:00Z'), ('tutor', '2027-01-05 10:00Z')) m(sender, at) WHERE code = 'MOVED'`);
    await agree();

    const moved = `WHERE attempt_no > 100 RETURNING id`;
    await run(`UPDATE submissions SET submitted_at = submitted_at + interval '10 days' ${moved}`);
    await agree();
    await run(`UPDATE submissions SET submitted_at = submitted_at - interval '11 days 2 hours' ${moved}`);
    await agree();
    await run(
      `UPDATE submissions SET status = CASE status WHEN 'banked' THEN 'graded' ELSE 'banked' END ${moved}`,
    );
    await agree();
    await run(`UPDATE submissions SET status = 'submitted', submitted_at = '2027-01-02 14:00Z' ${moved}`);
    await agree();
    await run(`UPDATE submissions SET status = 'banked' ${moved}`);
    const [withoutBanked] = await days(database.dataSource);
    await run(`UPDATE submissions SET status = 'voided' ${moved}`);
    expect((await days(database.dataSource))[0]).toEqual(withoutBanked);
    await run(`UPDATE submissions SET status = 'submitted', submitted_at = '2027-01-02 15:00Z' ${moved}`);
    await run(`UPDATE submissions SET score = 1, is_final = false ${moved}`);
    await agree();
  });

  it('miss nothing of what is done on these days meanwhile', async () => {
    const student = database.dataSource.createQueryRunner();
    const view = (at: string) =>
      student.query(
        `INSERT INTO events (user_id, course_id, verb, occurred_at, client_id)
         SELECT u.id, c.id, 'viewed', $1, gen_random_uuid() FROM users u, courses c
         WHERE u.code = 'STU001' AND c.code = 'PROG-101'`,
        [at],
      );
    await database.dataSource.query(`
      INSERT INTO submissions (user_id, activity_id, attempt_no, submitted_at)
      SELECT u.id, a.id, 200, '2027-02-01 12:00Z' FROM users u, activities a
      WHERE u.code = 'STU001' AND a.code = 'PROG-101-A1'`);
    await view('2027-02-02 20:00Z');
    await student.startTransaction();
    await view('2027-02-01 18:00Z');
    await view('2027-02-02 06:00Z');

    const moving = database.dataSource.query(
      `UPDATE submissions SET submitted_at = '2027-02-02 12:00Z' WHERE attempt_no = 200`,
    );
    await pollUntil(() => waitsForLock(database.dataSource, 'UPDATE submissions%'), 20_000);
    await student.commitTransaction();
    await moving;

    await student.release();
    await agree();
  });
});

it('counters are no matter of who renames or deactivates a user, and so keep nobody waiting', async () => {
  const count = async (): Promise<number> => {
    const rows = await database.dataSource.query<unknown[]>(
      'SELECT FROM system_counters FOR UPDATE SKIP LOCKED',
    );
    return rows.length;
  };
  const connection = database.dataSource.createQueryRunner();
  const setRole = (role: string) =>
    connection.query(`UPDATE users SET role = $1 WHERE code = 'STU001'`, [role]);
  // A counter that this connection's process makes only now could be seen by nobody else.
  for (const role of ['teacher', 'student']) await setRole(role);
  const all = await count();
  expect(all).toBeGreaterThan(0);

  await connection.startTransaction();
  await connection.query(
    `UPDATE users SET full_name = full_name || '!', is_active = true WHERE code = 'STU001'`,
  );
  expect(await count()).toBe(all);
  await setRole('teacher');
  expect(await count()).toBeLessThan(all);
  await setRole('student');
  await connection.commitTransaction();
  await connection.release();
  const [kept, counted] = await counters(database.dataSource);
  expect(kept).toEqual(counted);
});

describe('a transaction', () => {
  const update = 'UPDATE users SET full_name = $1 WHERE code = $2';

  it('that ends in a deadlock is run again', async () => {
    const [oneHasFirst, otherHasSecond] = [deferred(), deferred()];
    let runs = 0;
    const one = inTransaction(database.dataSource, async (manager) => {
      runs += 1;
      await manager.query(update, ['one', 'STU001']);
      oneHasFirst.resolve();
      await otherHasSecond.promise;
      await manager.query(update, ['one', 'STU002']);
    });
    const other = inTransaction(database.dataSource, async (manager) => {
      runs += 1;
      await oneHasFirst.promise;
      await manager.query(update, ['other', 'STU002']);
      otherHasSecond.resolve();
      await manager.query(update, ['other', 'STU001']);
    });

    await Promise.all([one, other]);
    // The second try may meet the other's transaction once more.
    expect(runs).toBeGreaterThan(2);
  });

  it('is run four times at most', async () => {
    let runs = 0;
    const failing = inTransaction(database.dataSource, async (manager) => {
      runs += 1;
      await manager.query(`DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$`);
    });
    await expect(failing).rejects.toMatchObject({ driverError: { code: '40001' } });
    expect(runs).toBe(4);
  });

  it('that fails otherwise is run once', async () => {
    let runs = 0;
    const failing = inTransaction(database.dataSource, async (manager) => {
      runs += 1;
      await manager.query(`INSERT INTO users (code, role) VALUES ('STU001', 'student')`);
    });
    await expect(failing).rejects.toMatchObject({ code: 'conflict' });
    expect(runs).toBe(1);
  });
});

describe('someone who is enrolled while they are renamed', () => {
  it('is renamed in that course, too', async () => {
    const admin = { role: 'admin', sub: 'ADMIN001' } as Principal;
    const [enrollments, users] = [
      new EnrollmentsService(database.dataSource),
      new UsersService(database.dataSource, new IdempotencyService(database.dataSource)),
    ];
    const isRenaming = () => waitsForLock(database.dataSource, '%"users"%FOR NO KEY UPDATE%');

    const renaming = await database.dataSource.transaction(async (manager) => {
      await enrollments.create(manager, admin, { user_id: 'STU007', course_id: 'PROG-102' });
      const renamed = users.change('STU007', { full_name: 'Ada' });
      let isOver = false;
      void renamed.finally(() => (isOver = true));
      await pollUntil(async () => isOver || (await isRenaming()), 20_000);
      return [renamed];
    });
    expect(ifWritten(await renaming[0]!, ({ courses }) => courses)).toEqual(['PROG-101', 'PROG-102']);
  });
});

/** Numbers from 0 to 1, the same in every run (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
