import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { CommandRefused } from '../../src/command/run-command.js';
import { patientDataSource } from '../../src/database/data-source.js';
import { loadPreset } from '../../src/datasets/load-preset.js';
import type { Retry } from '../../src/datasets/oulad/import-file.js';
import { type ImportSummary, importOulad } from '../../src/datasets/oulad/import-oulad.js';
import { readStarts } from '../../src/datasets/oulad/starts.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { pollUntil } from '../support/processes.js';
import { runCli } from '../support/run-cli.js';
import { waitsForLock } from '../support/watched-statements.js';

const fixture = join(process.cwd(), 'test/fixtures/oulad');
const submissions = 'studentAssessment.csv';

let folder: string;
const onTestEnd: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'oulad-'));
  await cp(fixture, folder, { recursive: true });
});
afterEach(async () => {
  for (const end of onTestEnd.splice(0).reverse()) await end();
  await rm(folder, { recursive: true, force: true });
});

async function newDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase();
  onTestEnd.push(() => database.drop());
  return database;
}

async function connect({ url }: TestDatabase): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  onTestEnd.push(() => client.end());
  return client;
}

/** Imports the folder, and says what had to be written once more. */
async function importInto({ dataSource }: TestDatabase, rejectsFile: string) {
  const retries: Retry[] = [];
  const summary = await importOulad(
    dataSource,
    {
      ...{ dir: folder, rejectsFile: join(folder, rejectsFile), starts: readStarts([]) },
      ...{ materials: false, withDemographics: false, asOfDay: null },
    },
    { onRetry: (retry) => retries.push(retry) },
  );
  return { summary, retries };
}

const countsOf = ({ files }: ImportSummary) => files.find(({ name }) => name === submissions);

const rejectsIn = async (file: string) =>
  (await readFile(join(folder, file), 'utf8').catch(() => '')).split('\n').filter(Boolean);

/** What depends on how often something was written. */
async function contents(dataSource: DataSource): Promise<unknown[]> {
  const readings = [
    `SELECT u.code AS student, a.code AS activity, submitted_at, s.status, score::float, graded_at
     FROM submissions s JOIN users u ON u.id = s.user_id JOIN activities a ON a.id = s.activity_id ORDER BY 1, 2`,
    `SELECT u.code, day::text, events, quantity::int, first_at, last_at
     FROM activity_days d JOIN users u ON u.id = d.user_id ORDER BY 1, 2`,
    'SELECT name, sum(value)::int AS value FROM system_counters GROUP BY 1 ORDER BY 1',
    'SELECT file, rows_ok, rows_dup, rows_later, rows_bad FROM import_batches ORDER BY id',
    'SELECT tags FROM cache_outbox',
  ];
  return Promise.all(readings.map((sql) => dataSource.query<unknown>(sql)));
}

describe('an import that another transaction is in the way of', () => {
  const events = (client: Pick<Client, 'query'>, student: string, at: string) =>
    client.query(
      `INSERT INTO events (user_id, course_id, verb, occurred_at, client_id)
       SELECT u.id, c.id, 'viewed', $2::timestamptz, gen_random_uuid()
       FROM users u, courses c WHERE u.code = $1 AND c.code = 'AAA-2013J'`,
      [student, at],
    );
  const onTheMovedDay = ['oulad-11391', '2013-11-30 08:00Z'] as const;
  const onTheLastNewDay = ['oulad-30268', '2013-10-07 08:00Z'] as const;

  /** One submission is moved to a day, and two are new, of which the import takes the days one after the other. */
  async function correctSubmissions(): Promise<void> {
    const file = join(folder, submissions);
    const moved = (await readFile(file, 'utf8')).replace('1753,11391,53', '1753,11391,60');
    await writeFile(file, `${moved}\n1752,30268,5,0,50\n1753,30268,6,0,50\n`);
  }

  it('and that ends in a deadlock writes the same once more, and counts nothing twice', async () => {
    const [database, undisturbed] = [await newDatabase(), await newDatabase()];
    await importInto(database, 'rejects.ndjson');
    await importInto(undisturbed, 'undisturbed.ndjson');
    await correctSubmissions();
    const [gate, batch] = [await connect(database), await connect(database)];
    // The import is the one to be ended, however late it comes.
    await batch.query(`SET deadlock_timeout = '1h'`);
    await gate.query(
      `BEGIN; INSERT INTO activity_days (user_id, course_id, day, first_at, last_at)
       SELECT u.id, c.id, '2013-10-06', now(), now() FROM users u, courses c
       WHERE u.code = 'oulad-30268' AND c.code = 'AAA-2013J'`,
    );
    await batch.query('BEGIN');
    await events(batch, ...onTheLastNewDay);

    // The import holds the day that it moves one to, and waits for the first of the new ones.
    const importing = importInto(database, 'rejects.ndjson');
    await pollUntil(() => waitsForLock(database.dataSource, '%INSERT INTO submissions%'), 20_000);
    const batching = events(batch, ...onTheMovedDay);
    await pollUntil(() => waitsForLock(database.dataSource, '%INSERT INTO events%'), 20_000);
    await gate.query('ROLLBACK');
    await batching;
    await batch.query('COMMIT');
    const { summary, retries } = await importing;

    expect(retries).toEqual([{ file: submissions, row: 1, code: '40P01' }]);
    const alone = await connect(undisturbed);
    await events(alone, ...onTheLastNewDay);
    await events(alone, ...onTheMovedDay);
    const reference = await importInto(undisturbed, 'undisturbed.ndjson');
    expect(reference.retries).toEqual([]);
    expect(countsOf(summary)).toEqual(countsOf(reference.summary));
    expect(countsOf(summary)).toMatchObject({ imported: 3, rejected: 5 });
    expect(await contents(database.dataSource)).toEqual(await contents(undisturbed.dataSource));
    expect(await rejectsIn('rejects.ndjson')).toEqual(await rejectsIn('undisturbed.ndjson'));
  });

  /** The first transactions that bring submissions are broken off at their very end. */
  async function breakOff({ dataSource }: TestDatabase, times: number): Promise<void> {
    await dataSource.query(`
      CREATE SEQUENCE tries;
      CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('tries') <= ${times} THEN RAISE EXCEPTION 'once more' USING ERRCODE = '40001'; END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER break_off BEFORE UPDATE OF rows_ok ON import_batches FOR EACH ROW
        WHEN (NEW.file = '${submissions}') EXECUTE FUNCTION break_off()`);
  }

  it('three times and at its very end is as if it had been alone, also for what it rejects', async () => {
    const [database, undisturbed] = [await newDatabase(), await newDatabase()];
    await breakOff(database, 3);

    const { summary, retries } = await importInto(database, 'rejects.ndjson');

    expect(retries).toEqual(Array(3).fill({ file: submissions, row: 1, code: '40001' }));
    expect(summary).toEqual((await importInto(undisturbed, 'undisturbed.ndjson')).summary);
    expect(await contents(database.dataSource)).toEqual(await contents(undisturbed.dataSource));
    expect(await rejectsIn('rejects.ndjson')).toEqual(await rejectsIn('undisturbed.ndjson'));
  });

  it('a fourth time is given up, and goes on from there when it is repeated', async () => {
    const [database, undisturbed] = [await newDatabase(), await newDatabase()];
    await breakOff(database, 4);

    await expect(importInto(database, 'rejects.ndjson')).rejects.toMatchObject({ code: '40001' });
    const { summary, retries } = await importInto(database, 'rejects.ndjson');

    expect(retries).toEqual([]);
    expect(summary.files.filter(({ wasDone }) => !wasDone).map(({ name }) => name)).toEqual([
      submissions,
      'studentVle.csv',
    ]);
    await importInto(undisturbed, 'undisturbed.ndjson');
    expect(await contents(database.dataSource)).toEqual(await contents(undisturbed.dataSource));
    expect(await rejectsIn('rejects.ndjson')).toEqual(await rejectsIn('undisturbed.ndjson'));
  });

  it('tells whoever typed the command what it does once more, and why, and at last what to do', async () => {
    const database = await newDatabase();
    await breakOff(database, 4);

    const words = ['--dir', folder, '--rejects', join(folder, 'rejects.ndjson')];
    const { code, stderr } = await runCli('datasets/import-oulad.cli.js', words, {
      DATABASE_URL: database.url,
    });

    expect(code).toBe(1);
    const lines = stderr.split('\n').filter((line) => line !== '' && !/^\d+ % \|/.test(line));
    expect(lines).toEqual([
      ...Array<string>(3).fill(
        `${submissions}: written once more from record 1 on, as another transaction was in the way (40001).`,
      ),
      'Other transactions were in the way time and again (40001): run it once more.',
    ]);
  }, 60_000);
});

it('a reset is refused for as long as an import runs, which ends as if nobody had tried', async () => {
  const [database, undisturbed] = [await newDatabase(), await newDatabase()];
  const other = await patientDataSource(database.url).initialize();
  onTestEnd.push(() => other.destroy());
  const reset = () => loadPreset(other, { preset: 'seed-doc', asOf: new Date(), whenNotEmpty: 'reset' });
  const gate = await connect(database);
  await gate.query('BEGIN; LOCK TABLE events IN SHARE MODE');
  const importing = importInto(database, 'rejects.ndjson');
  await pollUntil(() => waitsForLock(database.dataSource, '%INSERT INTO events%'), 20_000);

  await expect(reset()).rejects.toThrow(
    new CommandRefused(
      'An import is running on this database, and --reset would delete what it goes by: wait until it has ended.',
    ),
  );

  await gate.query('ROLLBACK');
  expect((await importing).summary).toEqual((await importInto(undisturbed, 'undisturbed.ndjson')).summary);
  expect(await contents(database.dataSource)).toEqual(await contents(undisturbed.dataSource));
  expect((await reset()).isLoaded).toBe(true);
  expect(await database.dataSource.query('SELECT file FROM import_batches')).toEqual([]);
}, 60_000);
