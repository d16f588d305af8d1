import { Logger } from '@nestjs/common';
import { SystemStatsService } from '../../src/system/system-stats.service.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { peopleOfTwoCourses } from '../support/two-courses.js';
import { countingReads } from '../support/watched-statements.js';

const now = new Date('2026-02-05T18:00:00.000Z');
let database: TestDatabase;
let service: SystemStatsService;

beforeAll(() => {
  Logger.overrideLogger(false);
});

beforeEach(async () => {
  database = await createTestDatabase();
  service = new SystemStatsService(database.dataSource);
});

afterEach(() => database.drop());

/** A viewing by a student of PROG-101, their only trace. */
async function view(student: string, at: string): Promise<void> {
  await database.dataSource.query(
    `INSERT INTO events (user_id, course_id, verb, occurred_at, client_id)
     SELECT u.id, c.id, 'viewed', $2, gen_random_uuid() FROM users u, courses c
     WHERE u.code = $1 AND c.code = 'PROG-101'`,
    [student, at],
  );
}

async function session(code: string, startedAt: string, endedAt: string | null): Promise<void> {
  await database.dataSource.query(
    `INSERT INTO tutor_sessions (code, user_id, course_id, started_at, last_event_at, ended_at)
     SELECT $1, u.id, c.id, $2, $2, $3 FROM users u, courses c WHERE u.code = 'STU001' AND c.code = 'PROG-101'`,
    [code, startedAt, endedAt],
  );
}

describe('system statistics', () => {
  it('of an empty service are zeros', async () => {
    await expect(service.stats(now)).resolves.toEqual({
      total_users: 0,
      total_sessions: 0,
      total_attempts: 0,
      sessions_today: 0,
      timestamp: '2026-02-05T18:00:00.000Z',
      active_users_24h: 0,
      open_sessions: 0,
      total_courses: 0,
      total_enrollments: 0,
      total_events: 0,
      total_events_exact: true,
      users_by_role: { student: 0, teacher: 0, admin: 0 },
    });
  });

  it('count what there is, without the people who were deleted', async () => {
    await peopleOfTwoCourses(database.dataSource);
    await view('STU001', '2026-01-05T18:00:00Z');
    await view('STU001', '2026-01-06T18:00:00Z');

    const stats = await service.stats(now);

    expect(stats).toMatchObject({ total_users: 14, users_by_role: { student: 8, teacher: 5, admin: 1 } });
    expect(stats).toMatchObject({ total_courses: 2, total_enrollments: 17, total_events: 2 });
    expect(stats).toMatchObject({ total_sessions: 2, total_attempts: 2 });
  });

  it('follow deletions', async () => {
    await peopleOfTwoCourses(database.dataSource);
    await database.dataSource.query(`UPDATE users SET deleted_at = now() WHERE code = 'STU001'`);
    await database.dataSource.query('DELETE FROM submissions');

    await expect(service.stats(now)).resolves.toMatchObject({ total_users: 13, total_attempts: 0 });
  });

  it.each([
    ['2026-02-04T17:59:59.999Z', 0],
    ['2026-02-04T18:00:00.001Z', 1],
    ['2026-02-04T23:59:59.999Z', 1],
    ['2026-02-05T00:00:00.000Z', 1],
    ['2026-02-05T18:00:00.000Z', 1],
    ['2026-02-05T18:00:00.001Z', 0],
  ])('take a person seen at %s for %d active in the last 24 hours', async (at, active) => {
    await peopleOfTwoCourses(database.dataSource);
    await database.dataSource.query('TRUNCATE activity_days');
    await view('STU001', at);

    expect((await service.stats(now)).active_users_24h).toBe(active);
  });

  it('count a person once who is active on both days and in two courses', async () => {
    await peopleOfTwoCourses(database.dataSource);
    await database.dataSource.query('TRUNCATE activity_days');
    await view('STU003', '2026-02-04T20:00:00Z');
    await view('STU003', '2026-02-05T10:00:00Z');
    await view('STU001', '2026-02-05T10:00:00Z');

    expect((await service.stats(now)).active_users_24h).toBe(2);
  });

  it('start "today" at midnight UTC, and tell open sessions from ended ones', async () => {
    await peopleOfTwoCourses(database.dataSource);
    await database.dataSource.query('DELETE FROM tutor_sessions');
    await session('YESTERDAY', '2026-02-04T23:59:59.999Z', '2026-02-05T00:30:00Z');
    await session('MIDNIGHT', '2026-02-05T00:00:00Z', '2026-02-05T00:30:00Z');
    await session('OPEN', '2026-02-05T17:00:00Z', null);

    await expect(service.stats(now)).resolves.toMatchObject({
      total_sessions: 3,
      sessions_today: 2,
      open_sessions: 1,
    });
  });

  it('follow sessions that end, open again or go, and take none for open that is still to begin', async () => {
    await peopleOfTwoCourses(database.dataSource);
    await database.dataSource.query('DELETE FROM tutor_sessions');
    for (const code of ['A', 'B', 'C']) await session(code, '2025-10-01T09:00:00Z', null);
    await session('AHEAD', '2026-02-05T18:00:00.001Z', null);
    const afterwards = async (sql: string) => {
      await database.dataSource.query(sql);
      return (await service.stats(now)).open_sessions;
    };

    expect(await afterwards('SELECT')).toBe(3);
    expect(await afterwards(`UPDATE tutor_sessions SET ended_at = now() WHERE code IN ('A', 'B')`)).toBe(1);
    expect(await afterwards(`UPDATE tutor_sessions SET ended_at = NULL WHERE code = 'B'`)).toBe(2);
    expect(await afterwards(`UPDATE tutor_sessions SET mode = 'other'`)).toBe(2);
    expect(await afterwards(`DELETE FROM tutor_sessions WHERE code IN ('A', 'B')`)).toBe(1);
  });

  it('walk through no sessions that were left open, however many there are', async () => {
    await peopleOfTwoCourses(database.dataSource);
    await database.dataSource.query('DELETE FROM tutor_sessions');
    await database.dataSource.query(
      `INSERT INTO tutor_sessions (code, user_id, course_id, started_at, last_event_at)
       SELECT 'LEFT-' || n, u.id, c.id, '2025-10-01', '2025-10-01' FROM users u, courses c, generate_series(1, 5000) n
       WHERE u.code = 'STU001' AND c.code = 'PROG-101'`,
    );
    await database.dataSource.query('ANALYZE tutor_sessions');

    const { given, read } = await countingReads(database.dataSource, 'tutor_sessions', (onOneConnection) =>
      new SystemStatsService(onOneConnection).stats(now),
    );

    expect(given.open_sessions).toBe(5000);
    expect(read).toBe(0);
  });
});
