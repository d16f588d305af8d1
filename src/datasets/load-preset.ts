import type { ClientBase } from 'pg';
import type { DataSource } from 'typeorm';
import { TypeormOutbox } from '../cache/outbox/typeorm.outbox.js';
import { analyzeTables } from './analyze-tables.js';
import { copyRows } from './copy-rows.js';
import { generate } from './generator/generate.js';
import type { PresetName } from './generator/presets.js';
import { refuseWhileImporting } from './import-turn.js';
import { CommandRefused } from '../command/run-command.js';

interface LoadPresetOptions {
  readonly preset: PresetName;
  /** A whole number; the same seed and `asOf` give the same rows. Default 42. */
  readonly seed?: number;
  /** The moment the data are "now" at: running courses are under way then, nothing has happened after it. */
  readonly asOf: Date;
  /** What to do with a database that already holds users or courses. Default `refuse`. */
  readonly whenNotEmpty?: 'refuse' | 'skip' | 'reset';
  /** Called now and then with the number of rows sent so far and the number there will be. */
  readonly onProgress?: (progress: LoadProgress) => void;
}

interface LoadProgress {
  readonly table: string;
  readonly rows: number;
  readonly totalRows: number;
}

interface LoadSummary {
  /** `false` when the database was not empty and `whenNotEmpty` was `skip`. */
  readonly isLoaded: boolean;
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>;
}

// Of processes that start together on an empty database one loads; the others wait, then find it filled.
const loadLock = 4_107_101;

/**
 * Fills a migrated database with a generated preset, in one transaction: all of it is there, or nothing. Rows go
 * in through COPY; days of activity and counters follow by the database's own triggers.
 *
 * @param dataSource  one without a limit on the time of a query, such as `patientDataSource(url)`
 * @throws {CommandRefused} when there are users or courses and `whenNotEmpty` is `refuse`, or an import runs and it is `reset`
 */
export async function loadPreset(dataSource: DataSource, options: LoadPresetOptions): Promise<LoadSummary> {
  const { preset, seed = 42, asOf, whenNotEmpty = 'refuse', onProgress } = options;
  const runner = dataSource.createQueryRunner();
  try {
    const client = (await runner.connect()) as ClientBase;
    await runner.startTransaction();
    try {
      // A million rows take longer than a request may.
      await client.query('SET LOCAL statement_timeout = 0');
      await client.query('SET LOCAL lock_timeout = 0');
      await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
      await client.query('SELECT pg_advisory_xact_lock($1)', [loadLock]);
      if (whenNotEmpty === 'reset') await refuseWhileImporting(client);
      if (await isFilled(client)) {
        if (whenNotEmpty === 'skip') {
          await runner.rollbackTransaction();
          return { isLoaded: false, rows: {} };
        }
        if (whenNotEmpty === 'refuse') {
          throw new CommandRefused(
            'The database already holds users or courses. --reset deletes them first.',
          );
        }
        await empty(client);
      }
      const rows = await fill(client, preset, seed, asOf, onProgress);
      await client.query(TypeormOutbox.invalidateEverything);
      await runner.commitTransaction();
      await analyzeTables(client);
      return { isLoaded: true, rows };
    } catch (error) {
      if (runner.isTransactionActive) await runner.rollbackTransaction();
      throw error;
    }
  } finally {
    await runner.release();
  }
}

/** Whether there is anything. Where there is nothing, others who would add something wait until the transaction ends. */
async function isFilled(client: ClientBase): Promise<boolean> {
  if (await holdsAnything(client)) return true;
  // Our rows bring their own ids, which others would be given too. All else that is stored names a user or a course.
  await client.query('LOCK TABLE users, courses IN SHARE ROW EXCLUSIVE MODE');
  return holdsAnything(client);
}

async function holdsAnything(client: ClientBase): Promise<boolean> {
  const sql = 'SELECT EXISTS (SELECT FROM users) OR EXISTS (SELECT FROM courses) AS filled';
  const { rows } = await client.query<{ filled: boolean }>(sql);
  return rows[0]?.filled ?? true;
}

async function empty(client: ClientBase): Promise<void> {
  await client.query(
    `TRUNCATE users, courses, import_batches, idempotency_keys, system_counters RESTART IDENTITY CASCADE`,
  );
}

async function fill(
  client: ClientBase,
  preset: PresetName,
  seed: number,
  asOf: Date,
  onProgress: LoadPresetOptions['onProgress'],
): Promise<Record<string, number>> {
  const tables = generate(preset, seed, asOf);
  const totalRows = tables.reduce((sum, { rowCount }) => sum + rowCount, 0);
  const loaded: Record<string, number> = {};
  let before = 0;
  for (const table of tables) {
    await copyRows(client, table, (sent) => {
      onProgress?.({ table: table.table, rows: before + sent, totalRows });
    });
    before += table.rowCount;
    loaded[table.table] = table.rowCount;
    // COPY brings its own ids, and leaves the sequences behind.
    await client.query(
      `SELECT setval(pg_get_serial_sequence($1, 'id'), greatest($2::bigint, 1), $2::bigint > 0)`,
      [table.table, table.rowCount],
    );
  }
  return loaded;
}
