import { Client } from 'pg';
import { patientDataSource } from '../../src/database/data-source.js';
import { migrate } from '../../src/database/migrate.js';
import { PoolerError } from '../../src/database/refuse-pooler.js';
import { startCarelessPooler } from '../support/careless-pooler.js';
import { figure } from '../support/figures.js';
import { createEmptyDatabase } from '../support/postgres.js';
import { pollUntil, spawnApp, waitFor200 } from '../support/processes.js';

jest.setTimeout(120_000);

describe('migrations', () => {
  let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
  let client: Client;

  beforeEach(async () => {
    database = await createEmptyDatabase();
    client = new Client({ connectionString: database.url });
    await client.connect();
  });

  afterEach(async () => {
    await client.end();
    await database.drop();
  });

  const waiting = async (which: string) => {
    const { rows } = await client.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND ${which}
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    return rows[0]?.n;
  };

  /** As it was before this migration and all that came after it. */
  async function migrateUntilBefore(name: string): Promise<void> {
    const dataSource = await patientDataSource(database.url).initialize();
    await dataSource.runMigrations({ transaction: 'each' });
    const from = dataSource.migrations.findIndex((migration) => migration.constructor.name === name);
    for (let at = dataSource.migrations.length; at > from; at--) await dataSource.undoLastMigration();
    await dataSource.destroy();
  }

  it('F39: run once when three processes start together', async () => {
    const apps = await Promise.all([1, 2, 3].map(() => spawnApp({ env: { DATABASE_URL: database.url } })));

    await Promise.all(apps.map((app) => waitFor200(app, '/health/startup', 60_000)));

    const migrated = apps.filter((app) => app.output().includes('Database migrated'));
    expect(migrated).toHaveLength(1);
    for (const app of apps) expect(app.output()).not.toMatch(/ - ERROR - /);
    const { rows } = await client.query<{ name: string; times: number }>(
      'SELECT name, count(*)::int AS times FROM migrations GROUP BY name',
    );
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter(({ times }) => times !== 1)).toEqual([]);
    await Promise.all(apps.map((app) => app.stop()));
  });

  it('F39: killed half way leave nothing behind, and another process runs them', async () => {
    // Whoever makes an index waits for us: the schema is half made then.
    await client.query(
      `SELECT pg_advisory_lock(42);
       CREATE FUNCTION park() RETURNS event_trigger LANGUAGE plpgsql AS
         $$ BEGIN PERFORM set_config('lock_timeout', '0', true), pg_advisory_xact_lock_shared(42); END $$;
       CREATE EVENT TRIGGER park ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION park()`,
    );
    const env = { DATABASE_URL: database.url };
    const doomed = await spawnApp({ env });
    await pollUntil(async () => (await waiting('objid = 42')) === 1, 60_000);
    const others = await Promise.all([spawnApp({ env }), spawnApp({ env })]);
    await pollUntil(async () => (await waiting('objid = 1770000000')) === 2, 60_000);
    const told = '⏳ Waiting for another process that migrates the database';
    await pollUntil(() => others.every((app) => app.output().includes(told)), 60_000);

    doomed.signal('SIGKILL');
    await doomed.ended;
    const since = performance.now();
    await client.query('SELECT pg_advisory_unlock(42)');
    await Promise.all(others.map((app) => waitFor200(app, '/health/startup', 60_000)));

    figure('F39', 'until both others are started, ms', performance.now() - since, { atMost: 60_000 });
    expect(others.filter((app) => app.output().includes('Database migrated'))).toHaveLength(1);
    const { rows } = await client.query<{ times: number }>(
      'SELECT count(*)::int AS times FROM migrations GROUP BY name',
    );
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter(({ times }) => times !== 1)).toEqual([]);
    await Promise.all(others.map((app) => app.stop()));
  });

  it('do not wait without end for a table that somebody else uses, for all its writers wait behind them', async () => {
    await migrateUntilBefore('OutboxRenewal1770000003000');
    await client.query('BEGIN; LOCK TABLE cache_outbox IN ACCESS SHARE MODE');

    await expect(migrate(database.url)).rejects.toMatchObject({ code: '55P03' });

    await client.query('ROLLBACK');
    expect(await migrate(database.url)).toContain('OutboxRenewal1770000003000');
  });

  it('that fail are told by name and code, without the words of the database, and are run when they can be', async () => {
    await client.query('CREATE TABLE users (code text)');
    const app = await spawnApp({ env: { DATABASE_URL: database.url } });
    const told = '❌ Migration InitialSchema1770000000000 failed (42P07), trying again until it does not';
    await pollUntil(() => app.output().includes(told), 60_000);

    await client.query('DROP TABLE users');
    await waitFor200(app, '/health/startup', 60_000);

    expect(app.output()).not.toMatch(/already exists|not available/);
    await app.stop();
  });

  it('are not begun through a pooler, which would keep the lock for a connection of its own', async () => {
    const pooler = await startCarelessPooler(database.url);
    try {
      await expect(migrate(pooler.url)).rejects.toBeInstanceOf(PoolerError);
    } finally {
      await pooler.close();
    }

    const { rows } = await client.query(
      `SELECT to_regclass('users') AS users, (SELECT count(*)::int FROM pg_locks WHERE objid = 1770000000) AS locks`,
    );
    expect(rows).toEqual([{ users: null, locks: 0 }]);
  });

  it('and imports have all the time they need, whatever limits the database sets for whoever connects', async () => {
    for (const name of ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']) {
      await client.query(`ALTER DATABASE ${new URL(database.url).pathname.slice(1)} SET ${name} = 400`);
    }
    await client.query('SELECT pg_advisory_lock(1770000000)');
    const migrating = migrate(database.url);
    await pollUntil(async () => (await waiting('objid = 1770000000')) === 1, 10_000);
    // So that its wait is longer than the limits.
    await client.query('SELECT pg_sleep(0.5)');
    await client.query('SELECT pg_advisory_unlock(1770000000)');
    expect(await migrating).toContain('InitialSchema1770000000000');

    const dataSource = await patientDataSource(database.url).initialize();
    const limits = await dataSource.query<object[]>(
      `SELECT name, setting FROM pg_settings WHERE name ~ '(statement|lock|transaction|session)_timeout$' AND setting <> '0'
       AND name <> 'deadlock_timeout'`,
    );
    await dataSource.destroy();
    expect(limits).toEqual([]);
  });

  describe('of attempts that keep no due date yet', () => {
    let grader: Client | undefined;
    const due = async (activity: string) => {
      const { rows } = await client.query<{ due: string | null }>(
        `SELECT to_char(s.due_at_effective AT TIME ZONE 'UTC', 'MM-DD') AS due
         FROM submissions s JOIN activities a ON a.id = s.activity_id WHERE a.code = $1 ORDER BY attempt_no`,
        [activity],
      );
      return rows.map((row) => row.due);
    };
    /** Whoever is at a row meanwhile neither waits nor is waited for, and its row comes last. */
    const untilOnlyTheGradedIsLeft = () => pollUntil(async () => (await due('D1'))[2] !== null, 10_000);

    beforeEach(async () => {
      await migrateUntilBefore('DueWhenHandedIn1770000004000');
      await client.query(`
        INSERT INTO users (code, email, full_name, role, deleted_at)
        VALUES ('A', 'a@example.org', 'A', 'student', NULL), ('B', 'b@example.org', 'B', 'student', now());
        INSERT INTO courses (code, name, starts_at, ends_at) VALUES ('C', 'C', '2026-01-01Z', '2026-06-01Z');
        INSERT INTO activities (code, course_id, title, kind, status, due_at)
        SELECT 'D' || n, id, 'D', 'quiz', 'published', CASE n WHEN 1 THEN timestamptz '2026-02-01Z' END
        FROM courses, generate_series(1, 2) n;
        INSERT INTO submissions (user_id, activity_id, attempt_no, submitted_at, due_at_effective)
        SELECT u.id, a.id, n, now(), CASE n WHEN 2 THEN timestamptz '2026-03-01Z' END
        FROM users u, activities a, generate_series(1, 3) n WHERE u.code = 'A'`);
      grader = new Client({ connectionString: database.url });
      await grader.connect();
      await grader.query('BEGIN; UPDATE submissions SET score = 1 WHERE attempt_no = 1');
    });

    afterEach(() => grader?.end());

    it('give them the one that counted for them, and forget who was deleted', async () => {
      const migrating = migrate(database.url);
      await untilOnlyTheGradedIsLeft();
      await grader!.query('COMMIT');
      await migrating;

      const { rows: users } = await client.query('SELECT code, email, full_name FROM users ORDER BY 1');
      expect(users).toEqual([
        { code: 'A', email: 'a@example.org', full_name: 'A' },
        { code: 'B', email: null, full_name: null },
      ]);
      expect(await due('D1')).toEqual(['02-01', '03-01', '02-01']);
      expect(await due('D2')).toEqual([null, '03-01', null]);
    });

    it('go on where they were ended half way, and leave what they had filled in', async () => {
      const ended = expect(migrate(database.url)).rejects.toThrow(
        /terminat|released|not queryable|ECONNRESET/i,
      );
      await untilOnlyTheGradedIsLeft();
      const { rows } = await grader!.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), $1)`,
        [rows[0]?.pid],
      );
      await ended;
      await grader!.query('COMMIT');
      await client.query(`UPDATE activities SET due_at = '2026-05-01Z' WHERE code = 'D1'`);

      expect(await migrate(database.url)).toContain('DueWhenHandedIn1770000004000');

      expect(await due('D1')).toEqual(['05-01', '03-01', '02-01']);
    });
  });

  it('count as hints, where a student has written some, those of the tutor alone', async () => {
    await migrateUntilBefore('HintsOfTheTutor1770000012000');
    await client.query(`
      INSERT INTO users (code, role) VALUES ('S', 'student');
      INSERT INTO courses (code, name, starts_at, ends_at) VALUES ('C', 'C', '2026-01-01', '2027-01-01');
      INSERT INTO tutor_sessions (code, user_id, course_id, started_at, last_event_at)
        SELECT 'T', u.id, c.id, '2026-02-01', '2026-02-01' FROM users u, courses c;
      INSERT INTO tutor_messages (session_id, sender, kind, sent_at)
        SELECT t.id, sender, 'hint', '2026-02-01' FROM tutor_sessions t, unnest('{student,student,tutor}'::text[]) sender`);
    const counted = async () =>
      (await client.query('SELECT message_count, hint_count, student_message_count FROM tutor_sessions'))
        .rows;
    expect(await counted()).toMatchObject([{ hint_count: 3 }]);

    await migrate(database.url);

    expect(await counted()).toEqual([{ message_count: 3, hint_count: 1, student_message_count: 2 }]);
    expect((await client.query('SELECT tags FROM cache_outbox')).rows).toEqual([{ tags: ['epoch'] }]);
  });

  it('forget the personal traits of who was deleted', async () => {
    await migrateUntilBefore('ForgetTraits1770000014000');
    await client.query(`
      INSERT INTO users (code, role, deleted_at) VALUES ('A', 'student', NULL), ('B', 'student', now());
      INSERT INTO courses (code, name, starts_at, ends_at) VALUES ('C', 'C', '2026-01-01', '2027-01-01');
      INSERT INTO enrollments (user_id, course_id) SELECT u.id, c.id FROM users u, courses c;
      INSERT INTO student_demographics (enrollment_id, gender) SELECT id, 'F' FROM enrollments`);

    await migrate(database.url);

    const { rows } = await client.query(
      `SELECT u.code FROM student_demographics d JOIN enrollments e ON e.id = d.enrollment_id
       JOIN users u ON u.id = e.user_id`,
    );
    expect(rows).toEqual([{ code: 'A' }]);
  });

  it('mend days of activity that submissions were moved from, or to, by an import of corrected files', async () => {
    await migrateUntilBefore('DaysOfMovedSubmissions1770000015000');
    await client.query(`
      INSERT INTO users (code, role) VALUES ('S', 'student');
      INSERT INTO courses (code, name, starts_at, ends_at) VALUES ('C', 'C', '2026-01-01', '2027-01-01');
      INSERT INTO activities (code, course_id, title, kind, status) SELECT 'oulad-a-1', id, 'A', 'quiz', 'published' FROM courses;
      INSERT INTO submissions (user_id, activity_id, attempt_no, submitted_at)
        SELECT u.id, a.id, n, timestamptz '2026-02-01 12:00Z' + n * interval '1 day' FROM users u, activities a, generate_series(1, 3) n;
      INSERT INTO events (user_id, course_id, verb, occurred_at, client_id)
        SELECT u.id, c.id, 'viewed', '2026-02-03 12:00Z', gen_random_uuid() FROM users u, courses c;
      UPDATE submissions SET submitted_at = submitted_at + interval '10 days' WHERE attempt_no < 3`);

    await migrate(database.url);

    const { rows } = await client.query(
      `SELECT day::text, events, first_at = last_at AS is_moment FROM activity_days ORDER BY 1`,
    );
    expect(rows).toEqual([
      { day: '2026-02-03', events: 1, is_moment: true },
      { day: '2026-02-04', events: 0, is_moment: true },
      { day: '2026-02-12', events: 0, is_moment: true },
      { day: '2026-02-13', events: 0, is_moment: true },
    ]);
    expect((await client.query('SELECT tags FROM cache_outbox')).rows).toEqual([{ tags: ['epoch'] }]);
  });

  it('count the sessions that were open already', async () => {
    await migrateUntilBefore('OpenSessions1770000018000');
    await client.query(`
      INSERT INTO users (code, role) VALUES ('S', 'student');
      INSERT INTO courses (code, name, starts_at, ends_at) VALUES ('C', 'C', '2026-01-01', '2027-01-01');
      INSERT INTO tutor_sessions (code, user_id, course_id, started_at, last_event_at, ended_at)
        SELECT 'T' || n, u.id, c.id, '2026-02-01', '2026-02-01', CASE n WHEN 3 THEN timestamptz '2026-02-01' END
        FROM users u, courses c, generate_series(1, 3) n`);
    const open = async () =>
      (
        await client.query(
          `SELECT sum(value)::int AS n FROM system_counters WHERE name = 'tutor_sessions:open'`,
        )
      ).rows;

    await migrate(database.url);

    expect(await open()).toEqual([{ n: 2 }]);
    await client.query(`UPDATE tutor_sessions SET ended_at = now()`);
    expect(await open()).toEqual([{ n: 0 }]);
  });

  it('tell what they did, and find nothing to do the second time', async () => {
    const onWait = jest.fn();
    expect(await migrate(database.url, { onWait })).toContain('InitialSchema1770000000000');
    expect(await migrate(database.url, { onWait })).toEqual([]);
    expect(onWait).not.toHaveBeenCalled();
  });

  it('are given up at once by a service that is to end while another process has its turn', async () => {
    await client.query('SELECT pg_advisory_lock(1770000000)');
    const stop = new AbortController();
    const given = expect(migrate(database.url, { signal: stop.signal })).rejects.toThrow(/terminated/);
    await pollUntil(async () => (await waiting('objid = 1770000000')) === 1, 10_000);

    stop.abort();

    await given;
  });

  it('are not begun by a service that is to end already', async () => {
    await client.query('SELECT pg_advisory_lock(1770000000)');
    const stop = new AbortController();
    const given = migrate(database.url, { signal: stop.signal });
    // It connects now.
    stop.abort(new Error('to end'));

    await expect(given).rejects.toThrow('to end');
    await expect(migrate(database.url, { signal: stop.signal })).rejects.toThrow('to end');
  });

  it('give up when another process keeps its turn for too long, and leave the schema alone', async () => {
    await client.query('SELECT pg_advisory_lock(1770000000)');
    const onWait = jest.fn();

    await expect(migrate(database.url, { longestWaitMs: 200, onWait })).rejects.toMatchObject({
      code: '55P03',
    });
    expect(onWait).toHaveBeenCalledTimes(1);

    const { rows } = await client.query<{ table: string | null }>(`SELECT to_regclass('users') AS table`);
    expect(rows[0]?.table).toBeNull();
  });
});
