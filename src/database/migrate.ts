import { Client } from 'pg';
import { patientDataSource } from './data-source.js';

/** Any number, as long as every version of this service uses the same. */
const migrationLock = 1_770_000_000;

/**
 * Brings the schema up to date. Processes that start together take turns: the first migrates, the others find nothing to do.
 *
 * @param url  of the database itself, not of a pooler: the lock belongs to the connection
 * @param longestWaitMs  for the turn of other processes
 * @returns names of the migrations that ran
 * @throws if another process holds the lock for longer, or the database cannot be reached
 */
export async function migrate(url: string, longestWaitMs = 60_000): Promise<string[]> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: 5000,
    lock_timeout: longestWaitMs,
  });
  // A connection lost while we wait rejects the query too; without a listener it would also end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [migrationLock]);
    return await runPending(url);
  } finally {
    await client.end();
  }
}

async function runPending(url: string): Promise<string[]> {
  const dataSource = await patientDataSource(url).initialize();
  try {
    const migrations = await dataSource.runMigrations({ transaction: 'each' });
    return migrations.map(({ name }) => name);
  } finally {
    await dataSource.destroy();
  }
}
