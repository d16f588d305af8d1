import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { access, chmod, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dumpSha256, writeDump } from '../../src/datasets/dump.js';
import { generate } from '../../src/datasets/generator/generate.js';
import { copyRows } from '../../src/datasets/copy-rows.js';
import { CommandRefused } from '../../src/command/run-command.js';
import { loadPreset } from '../../src/datasets/load-preset.js';
import { importOulad } from '../../src/datasets/oulad/import-oulad.js';
import { patientDataSource } from '../../src/database/data-source.js';
import { Client, type ClientBase } from 'pg';
import type { DataSource } from 'typeorm';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { pollUntil, required } from '../support/processes.js';
import { startTestApp } from '../support/test-app.js';
import { runCli, startCli } from '../support/run-cli.js';
import { waitsForLock } from '../support/watched-statements.js';

const asOf = new Date('2026-02-05T18:52:18Z');
const tables = generate('seed-doc', 42, asOf).map(({ table }) => table);

// Command lines take a while to start on a busy machine.
jest.setTimeout(90_000);

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database.drop();
});

const query = <T>(sql: string): Promise<T[]> => database.dataSource.query<T[]>(sql);

/** Counts that the database keeps by itself, beside what its rows say. */
async function countedAndTrue() {
  const [days] = await query(`
    WITH moments AS (
      SELECT user_id, course_id, occurred_at AS at, 1 AS events, quantity, 0 AS minutes FROM events
      UNION ALL
      SELECT s.user_id, a.course_id, s.submitted_at, 0, 0, 0 FROM submissions s JOIN activities a ON a.id = s.activity_id
      UNION ALL
      SELECT user_id, course_id, started_at, 0, 0, floor(extract(epoch FROM least(coalesce(ended_at, last_event_at)
        - started_at, interval '4 hours')) / 60)::int FROM tutor_sessions
      UNION ALL
      SELECT s.user_id, s.course_id, m.sent_at, 0, 0, 0 FROM tutor_messages m JOIN tutor_sessions s ON s.id = m.session_id
      WHERE m.sender = 'student'
    ), expected AS (
      SELECT user_id, course_id, (at AT TIME ZONE 'UTC')::date AS day, sum(events)::int AS events,
        sum(quantity)::int AS quantity, sum(minutes)::int AS minutes, min(at) AS first_at, max(at) AS last_at
      FROM moments GROUP BY 1, 2, 3
    ), kept AS (
      SELECT user_id, course_id, day, events, quantity, minutes, first_at, last_at FROM activity_days
    )
    SELECT (SELECT count(*)::int FROM expected) AS days,
      (SELECT count(*)::int FROM (TABLE expected EXCEPT TABLE kept) AS a) AS absent,
      (SELECT count(*)::int FROM (TABLE kept EXCEPT TABLE expected) AS b) AS excess,
      (SELECT count(*)::int FROM tutor_sessions s WHERE message_count
        <> (SELECT count(*) FROM tutor_messages m WHERE m.session_id = s.id)) AS miscounted_sessions`);
  const counters = await query<{ name: string; value: number }>(
    'SELECT name, sum(value)::int AS value FROM system_counters GROUP BY 1 ORDER BY 1',
  );
  return { days, counters: Object.fromEntries(counters.map(({ name, value }) => [name, value])) };
}

describe('loading a preset', () => {
  it('shows 9 users and 30 sessions for seed-doc, and the database keeps its counts by itself', async () => {
    const progress: number[] = [];
    const summary = await loadPreset(database.dataSource, {
      preset: 'seed-doc',
      asOf,
      onProgress: ({ rows }) => progress.push(rows),
    });

    expect(summary.isLoaded).toBe(true);
    for (const table of tables) {
      const [found] = await query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`);
      expect([table, found?.count]).toEqual([table, summary.rows[table]]);
    }
    expect(progress.at(-1)).toBe(Object.values(summary.rows).reduce((a, b) => a + b));
    const { days, counters } = await countedAndTrue();
    expect(days).toMatchObject({ absent: 0, excess: 0, miscounted_sessions: 0 });
    expect(counters).toEqual({
      'users:student': 7,
      'users:teacher': 1,
      'users:admin': 1,
      courses: 2,
      enrollments: 10,
      submissions: 40,
      tutor_sessions: 30,
      events: 500,
    });
  });

  it('tells the planner what is in all tables of ours, and leaves the catalogs alone', async () => {
    const ours = await query<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`,
    );

    // What is in those that all databases share others may have told.
    const told = await query<{ name: string }>(
      `SELECT s.relname AS name FROM pg_stat_all_tables s JOIN pg_class c ON c.oid = s.relid
       WHERE s.analyze_count > 0 AND NOT c.relisshared ORDER BY 1`,
    );
    expect(ours.map(({ name }) => name)).toEqual(expect.arrayContaining(tables));
    expect(told).toEqual(ours);
  });

  it('leaves the ids of later rows free', async () => {
    const [user] = await query<{ id: string }>(
      `INSERT INTO users (code, role) VALUES ('STU999', 'student') RETURNING id`,
    );

    expect(user?.id).toBe('10');
  });

  it('refuses a database that is not empty, and leaves it alone', async () => {
    const options = { preset: 'seed-doc', asOf } as const;

    await expect(loadPreset(database.dataSource, options)).rejects.toThrow(CommandRefused);
    expect(await loadPreset(database.dataSource, { ...options, whenNotEmpty: 'skip' })).toEqual({
      isLoaded: false,
      rows: {},
    });
    expect(await query(`SELECT code FROM users WHERE code = 'STU999'`)).toHaveLength(1);
  });

  it('replaces what is there when told so, with true counts again', async () => {
    await loadPreset(database.dataSource, { preset: 'demo', asOf, whenNotEmpty: 'reset' });

    const { days, counters } = await countedAndTrue();
    expect(days).toMatchObject({ absent: 0, excess: 0, miscounted_sessions: 0 });
    expect(counters).toMatchObject({
      'users:student': 120,
      enrollments: 160,
      events: 50_000,
      tutor_sessions: 2_500,
    });
    expect(await query(`SELECT code FROM users WHERE code = 'STU999'`)).toEqual([]);
  });

  it('makes old what the processes that share a Redis have kept, also what is kept for an hour', async () => {
    const app = await startTestApp({
      env: {
        DATABASE_URL: database.url,
        REDIS_URL: required('TEST_REDIS_URL'),
        CACHE_NAMESPACE: `${randomUUID()}:`,
      },
    });
    const look = async () => {
      const view = `/api/v3/analytics/courses/PROG-101/at/${asOf.toISOString()}`;
      return (await app.request.get(view).expect(200)).headers['x-cache'];
    };
    try {
      await pollUntil(async () => (await look()) === 'HIT', 10_000);
      await loadPreset(database.dataSource, { preset: 'seed-doc', seed: 7, asOf, whenNotEmpty: 'reset' });
      await pollUntil(async () => (await look()) !== 'HIT', 10_000);
    } finally {
      await app.close();
    }
  });

  it('fills an empty database once, however many start together', async () => {
    const empty = await createTestDatabase();
    const other = await patientDataSource(empty.url).initialize();
    try {
      const options = { preset: 'seed-doc', asOf, whenNotEmpty: 'skip' } as const;
      const summaries = await Promise.all(
        [empty.dataSource, other].map((source) => loadPreset(source, options)),
      );

      expect(summaries.map(({ isLoaded }) => isLoaded).toSorted()).toEqual([false, true]);
      const [found] = await empty.dataSource.query<{ count: number }[]>(
        'SELECT count(*)::int AS count FROM users',
      );
      expect(found?.count).toBe(9);
    } finally {
      await other.destroy();
      await empty.drop();
    }
  });

  describe('of an empty database, while others are about to fill it', () => {
    let empty: TestDatabase;
    let other: DataSource;
    let gate: Client;
    beforeEach(async () => {
      empty = await createTestDatabase();
      other = await patientDataSource(empty.url).initialize();
      gate = new Client({ connectionString: empty.url });
      await gate.connect();
    });
    afterEach(async () => {
      await gate.end();
      await other.destroy();
      await empty.drop();
    });

    const load = (whenNotEmpty: 'refuse' | 'skip') =>
      loadPreset(other, { preset: 'seed-doc', asOf, whenNotEmpty });
    const count = async (sql: string) =>
      (await empty.dataSource.query<{ n: number }[]>(`SELECT count(*)::int AS n FROM ${sql}`))[0]?.n;

    it('gives their rows other ids than its own', async () => {
      const scratch = await mkdtemp(join(tmpdir(), 'load-'));
      // Its courses are in, and others do not know yet which ids are taken.
      await gate.query(`
        CREATE FUNCTION wait_for_gate() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NULL; END $$;
        CREATE TRIGGER wait_for_gate AFTER INSERT ON courses EXECUTE FUNCTION wait_for_gate();
        SELECT pg_advisory_lock(42)`);
      const loading = load('refuse');
      await pollUntil(() => waitsForLock(empty.dataSource, 'COPY courses%'), 20_000);
      const importing = importOulad(empty.dataSource, {
        ...{ dir: join(process.cwd(), 'test/fixtures/oulad'), rejectsFile: join(scratch, 'rejects.ndjson') },
        ...{ starts: new Map(), materials: false, withDemographics: false, asOfDay: null },
      });
      await pollUntil(() => waitsForLock(empty.dataSource, '%INSERT INTO courses%'), 20_000);

      await gate.query('SELECT pg_advisory_unlock(42)');
      const [{ isLoaded }, { files }] = await Promise.all([loading, importing]);

      expect(isLoaded).toBe(true);
      expect(await count(`users WHERE code NOT LIKE 'oulad-%'`)).toBe(9);
      expect(await count('courses')).toBe(2 + files[0]!.imported);
      await rm(scratch, { recursive: true });
    });

    it('waits for who was earlier, and then finds it filled', async () => {
      await gate.query(`BEGIN; INSERT INTO courses (code, name, starts_at, ends_at)
        VALUES ('AAA-2013J', 'Module AAA', '2013-10-01Z', '2014-06-26Z')`);
      const loads = [load('refuse').catch((error: unknown) => error), load('skip')] as const;
      await pollUntil(() => waitsForLock(empty.dataSource), 20_000);

      await gate.query('COMMIT');

      expect(await loads[0]).toBeInstanceOf(CommandRefused);
      expect(await loads[1]).toEqual({ isLoaded: false, rows: {} });
      expect(await count('users')).toBe(0);
    });
  });

  it('leaves nothing behind when it fails half way', async () => {
    const empty = await createTestDatabase();
    try {
      const load = loadPreset(empty.dataSource, {
        preset: 'seed-doc',
        asOf,
        onProgress: ({ table }) => {
          if (table === 'events') throw new Error('stopped by the caller');
        },
      });

      await expect(load).rejects.toThrow('stopped by the caller');
      for (const table of [...tables, 'activity_days', 'system_counters']) {
        expect(await empty.dataSource.query(`SELECT * FROM ${table}`)).toEqual([]);
      }
      expect((await loadPreset(empty.dataSource, { preset: 'seed-doc', asOf })).isLoaded).toBe(true);
    } finally {
      await empty.drop();
    }
  });

  it('copies any text unchanged', async () => {
    const names = ['back\\slash \\N \\.', 'tab\tline\nreturn\r', 'ünïcode 🎓', '', null];
    const runner = database.dataSource.createQueryRunner();
    const client = (await runner.connect()) as ClientBase;
    const rows = names.map((name, index) => [`COPY${index}`, name, 'student'] as const);
    await copyRows(
      client,
      { table: 'users', columns: ['code', 'full_name', 'role'], rowCount: 5, rows },
      () => undefined,
    );
    await runner.release();

    const found = await query<{ full_name: string | null }>(
      `SELECT full_name FROM users WHERE code LIKE 'COPY%' ORDER BY code`,
    );
    expect(found.map((row) => row.full_name)).toEqual(names);
  });
});

describe('a dump', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'dump-'))));
  afterEach(() => rm(folder, { recursive: true }));

  it('that fails half way leaves no file, which would look whole and be in the way of the next', async () => {
    function* rows() {
      for (let n = 0; n < 10_000; n++) yield [n, 'x'.repeat(20)];
      throw new Error('of the test');
    }
    const table = { table: 'users', columns: ['id', 'code'], rows: rows(), rowCount: 20_000 };

    await expect(writeDump([table], join(folder, 'dump'))).rejects.toThrow('of the test');

    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('that %s ends half way leaves none either', async (signal, code) => {
    const file = join(folder, 'dump');
    const seed = startCli('datasets/seed-data.cli.js', ['--preset', 'bench-1m', '--dump', file], {});
    try {
      await pollUntil(async () => (await stat(file).catch(() => undefined))?.size !== undefined, 60_000);
      seed.signal(signal);

      expect(await seed.ended).toEqual({ code, stdout: '', stderr: '' });
      expect(await readdir(folder)).toEqual([]);
    } finally {
      seed.signal('SIGKILL');
    }
  });

  it('goes to no file that is there, and leaves that alone', async () => {
    const file = join(folder, 'dump');
    await writeDump([], file);

    await expect(writeDump(generate('seed-doc', 42, asOf), file)).rejects.toMatchObject({
      code: 'EEXIST',
      path: file,
    });

    expect(await readFile(file, 'utf8')).toBe('');
  });
});

describe('npm run seed:data', () => {
  const env = () => ({ DATABASE_URL: database.url });

  it('says what it loaded, and that a filled database needs --reset', async () => {
    const asOfOption = ['--as-of', '2026-02-05T18:52:18Z'];
    const refused = await runCli('datasets/seed-data.cli.js', ['--preset', 'seed-doc', ...asOfOption], env());
    const loaded = await runCli(
      'datasets/seed-data.cli.js',
      ['--preset', 'seed-doc', '--reset', ...asOfOption],
      env(),
    );

    expect(refused).toEqual({
      code: 1,
      stdout: '',
      stderr: 'The database already holds users or courses. --reset deletes them first.\n',
    });
    expect(loaded.code).toBe(0);
    expect(loaded.stdout).toContain('Loaded seed-doc as of 2026-02-05T18:52:18.000Z: 9 users, 2 courses,');
    expect(loaded.stderr).toContain('100 % | 749/749 rows | events');
  });

  it('deletes nothing in production, unless told twice, and says where it would have', async () => {
    const url = new URL(database.url);
    const production = { ...env(), NODE_ENV: 'production' };
    const words = ['--preset', 'seed-doc', '--reset', '--as-of', '2026-02-05T18:52:18Z'];
    await query(`INSERT INTO users (code, role) VALUES ('STU998', 'student')`);

    const refused = await runCli('datasets/seed-data.cli.js', words, production);

    expect(refused).toEqual({
      code: 1,
      stdout: '',
      stderr:
        `--reset would delete everything in the database ${url.pathname.slice(1)} on ${url.host}, ` +
        'and this is production. --yes-delete-everything says that it is meant.\n',
    });
    expect(await query(`SELECT code FROM users WHERE code = 'STU998'`)).toHaveLength(1);
    const meant = [...words, '--yes-delete-everything'];
    expect((await runCli('datasets/seed-data.cli.js', meant, production)).code).toBe(0);
    expect(await query(`SELECT code FROM users WHERE code = 'STU998'`)).toEqual([]);
  });

  it('prints the SHA-256 of the dump, the same in another process', async () => {
    const words = ['--preset', 'seed-doc', '--seed', '7', '--as-of', '2026-02-05T18:52:18Z', '--sha256'];

    expect(await runCli('datasets/seed-data.cli.js', words, env())).toEqual({
      code: 0,
      stdout: `${dumpSha256(generate('seed-doc', 7, asOf))}\n`,
      stderr: '',
    });
  });

  it('answers a wrong option with one line', async () => {
    const lines: [string[], string][] = [
      [['--preset', 'huge'], '--preset must be one of seed-doc, demo, bench-1m, hot-course.'],
      [['--seed', '1e3'], '--seed must be a whole number such as 42.'],
      [
        ['--as-of', 'yesterday'],
        '--as-of must be a moment such as 2026-02-05T18:52:18Z, of the years 1980 to 2200.',
      ],
      [
        ['--as-of', '2026-02-30T00:00:00Z'],
        '--as-of must be a moment such as 2026-02-05T18:52:18Z, of the years 1980 to 2200.',
      ],
      [['--rest'], "Unknown option '--rest' (--help tells the options.)"],
    ];
    const results = await Promise.all(
      lines.map(([words]) => runCli('datasets/seed-data.cli.js', words, env())),
    );

    expect(results).toEqual(lines.map(([, line]) => ({ code: 1, stdout: '', stderr: `${line}\n` })));
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)(
    'stops the database that it was just starting at %s, though npm passes the signal on once more',
    async (signal, code) => {
      const folder = await mkdtemp(join(tmpdir(), 'seed-'));
      await chmod(folder, 0o755);
      const seed = startCli('datasets/seed-data.cli.js', ['--preset', 'seed-doc'], { DATA_DIR: folder });
      try {
        await pollUntil(() => seed.stderr().includes('Preparing a PostgreSQL'), 30_000);
        seed.signal(signal);
        await pollUntil(() => seed.stderr().includes('Interrupted'), 30_000);
        seed.signal(signal);

        expect((await seed.ended).code).toBe(code);
        const cluster = join(folder, 'postgres', 'cluster');
        await expect(access(join(cluster, 'PG_VERSION'))).resolves.toBeUndefined();
        await expect(access(join(cluster, 'postmaster.pid'))).rejects.toThrow(/ENOENT/);
      } finally {
        seed.signal('SIGKILL');
        await rm(folder, { recursive: true, force: true });
      }
    },
  );

  it('says in one line that the database cannot be reached, without its password', async () => {
    const unreachable = { DATABASE_URL: 'postgres://app:canary-4711@127.0.0.1:1/x' };
    const { code, stderr } = await runCli('datasets/seed-data.cli.js', ['--preset', 'seed-doc'], unreachable);

    expect(code).toBe(1);
    expect(stderr).toBe(
      'The database cannot be used (ECONNREFUSED): is DATABASE_URL right, and the server running?\n',
    );
  });

  it.each([
    ['hangs up', 'disconnected', '', () => ''],
    ['speaks no TLS, as it was told to', 'no-tls', '?sslmode=verify-full', () => 'N'],
    ['has no connection left', '53300', '', () => fatal('53300')],
    ['lets the user do nothing', '42501', '', () => fatal('42501')],
  ])('says in one line that a database cannot be used that %s', async (_, reason, parameters, answer) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined).once('data', () => socket.end(answer()));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const DATABASE_URL = `postgres://app:canary-4711@127.0.0.1:${port}/x${parameters}`;

    const { code, stderr } = await runCli('datasets/seed-data.cli.js', [], { DATABASE_URL });

    server.close();
    expect([code, stderr]).toEqual([
      1,
      `The database cannot be used (${reason}): is DATABASE_URL right, and the server running?\n`,
    ]);
  });

  it('says in one line which migration does not fit what is there', async () => {
    const { url, drop } = await createEmptyDatabase();
    const dataSource = await patientDataSource(url).initialize();
    try {
      await dataSource.query('CREATE TABLE users (canary text)');

      const { code, stderr } = await runCli('datasets/seed-data.cli.js', [], { DATABASE_URL: url });

      expect([code, stderr]).toEqual([
        1,
        'Migration InitialSchema1770000000000 failed (42P07) and was undone: has somebody changed tables or rights by hand?\n',
      ]);
    } finally {
      await dataSource.destroy();
      await drop();
    }
  });
});

/** How PostgreSQL says that a connection cannot be had. */
function fatal(code: string): Buffer {
  const fields = Buffer.from(`SFATAL\0C${code}\0Mcanary-4711\0\0`);
  const head = Buffer.from('E\0\0\0\0');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
