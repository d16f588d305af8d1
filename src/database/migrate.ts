import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { keptAlive, makePatient, patientDataSource } from './data-source.js';
import { databaseReason } from './database-reason.js';
import { endClient } from './end-client.js';
import { connectPastPoolers } from './refuse-pooler.js';

/** An arbitrary number, but the same in every version of this service. */
const migrationLock = 1_770_000_000;

/** The server itself ends our wait for the lock. If it has not answered so long after that, it never will. */
const answerMarginMs = 5000;

/** The part of the longest wait after which it is reported: processes that start together have the turn only for moments. */
const UNTOLD_PART = 1 / 20;

/**
 * How long a migration waits for a table that others use, such as a backup. Meanwhile all others who want the table wait behind
 * it, such as writes of all replicas, so it is shorter than these can wait. The migration is tried again.
 */
const tableLockMs = 500;

/** Otherwise the server would keep the lock of a vanished machine for two hours. */
const endWhenVanished =
  'SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3';

/** A migration has failed and was undone; those before it were not. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
  /** Why, as {@link databaseReason} gives it. */
  readonly code: string;

  /** @param migration  its name */
  constructor(
    readonly migration: string,
    cause: unknown,
  ) {
    super(`Migration ${migration} failed: ${cause instanceof Error ? cause.message : 'no error'}`, { cause });
    this.code = databaseReason(cause);
  }
}

interface Turn {
  /** How long to wait for the turn of other processes. Default: a minute */
  readonly longestWaitMs: number;
  /** Ends the wait for the turn; a migration that runs is finished. */
  readonly signal?: AbortSignal | undefined;
  /** Called when another process has had the turn for a while, 3 s of a minute. */
  readonly onWait?: (() => void) | undefined;
}

/**
 * Brings the schema up to date. Processes that start together take turns: the first migrates, the others find nothing to do.
 *
 * @param url  of the database itself, not of a pooler: the lock belongs to the connection
 * @returns names of the migrations that ran
 * @throws {MigrationError} if a migration fails, such as when others use a table that it needs for over 0.5 s
 * @throws {PoolerError} if `url` leads to a pooler
 * @throws if another process holds the lock for longer than `longestWaitMs`, the database cannot be reached, or `signal` came
 *   before the turn
 */
export async function migrate(
  url: string,
  { longestWaitMs = 60_000, signal, onWait }: Partial<Turn> = {},
): Promise<string[]> {
  const client = new Client({
    ...keptAlive,
    connectionString: url,
    connectionTimeoutMillis: 5000,
    lock_timeout: longestWaitMs,
    query_timeout: longestWaitMs + answerMarginMs,
  });
  // A connection lost while we wait rejects the query too; without a listener it would also end the process.
  client.on('error', () => undefined);
  signal?.throwIfAborted();
  try {
    await connectPastPoolers(client, longestWaitMs);
    await takeTurn(client, { longestWaitMs, signal, onWait });
    try {
      return await runPending(url);
    } finally {
      await endTurn(client);
    }
  } finally {
    await endClient(client);
  }
}

async function takeTurn(client: Client, { longestWaitMs, signal, onWait }: Turn): Promise<void> {
  const giveUp = (): void => void endClient(client);
  signal?.addEventListener('abort', giveUp);
  try {
    // A signal that came while we connected would not be noticed otherwise.
    signal?.throwIfAborted();
    await client.query(endWhenVanished);
    await makePatient(client, longestWaitMs);
    const { rows } = await client.query<{ isOurs: boolean }>('SELECT pg_try_advisory_lock($1) AS "isOurs"', [
      migrationLock,
    ]);
    if (!rows[0]?.isOurs) await waitForTurn(client, longestWaitMs, onWait);
    signal?.throwIfAborted();
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}

async function waitForTurn(client: Client, longestWaitMs: number, onWait: Turn['onWait']): Promise<void> {
  const timer = onWait && setTimeout(onWait, longestWaitMs * UNTOLD_PART);
  try {
    await client.query('SELECT pg_advisory_lock($1)', [migrationLock]);
  } finally {
    clearTimeout(timer);
  }
}

/** Unlocks, although the end of the connection does: not so if that was to a pooler which we did not recognise. */
async function endTurn(client: Client): Promise<void> {
  const unlock = { text: 'SELECT pg_advisory_unlock($1)', values: [migrationLock], query_timeout: 1000 };
  await client.query(unlock).catch(() => undefined);
}

async function runPending(url: string): Promise<string[]> {
  const dataSource = await patientDataSource(url, 2, tableLockMs).initialize();
  const begun = namesOfBegun(dataSource);
  try {
    const migrations = await dataSource.runMigrations({ transaction: 'each' });
    return migrations.map(({ name }) => name);
  } catch (error) {
    const last = begun.at(-1);
    throw last === undefined ? error : new MigrationError(last, error);
  } finally {
    await dataSource.destroy();
  }
}

/** @returns a list that grows with each migration that begins: errors of TypeORM do not say which it was */
function namesOfBegun({ migrations }: DataSource): readonly string[] {
  const names: string[] = [];
  for (const migration of migrations) {
    const up = migration.up.bind(migration);
    migration.up = (runner) => {
      names.push(migration.name ?? migration.constructor.name);
      return up(runner);
    };
  }
  return names;
}
