import type { ClientBase } from 'pg';
import { CommandRefused } from '../command/run-command.js';

const importLock = 4_107_102;
// A killed import may hold the lock until its last statement ends.
const patienceMs = 15_000;

/**
 * Runs `work` while no other import runs on this database, nor a reset.
 *
 * @throws {CommandRefused} when one does for longer than 15 s
 */
export async function inImportTurn<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query(`SET lock_timeout = ${patienceMs}`);
  try {
    await client.query('SELECT pg_advisory_lock($1)', [importLock]);
  } catch (error) {
    if ((error as { code?: string }).code !== '55P03') throw error;
    throw new CommandRefused('Another import, or a reset, is running on this database.');
  } finally {
    await client.query('SET lock_timeout = 0');
  }
  try {
    return await work();
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [importLock]).catch(() => undefined);
  }
}

/**
 * Keeps imports away until the transaction ends. An import goes by what its earlier transactions have brought: if that were
 * deleted between two of them, it would reject most of what follows, and say that it has succeeded.
 *
 * @throws {CommandRefused} when one is running
 */
export async function refuseWhileImporting(client: ClientBase): Promise<void> {
  const sql = 'SELECT pg_try_advisory_xact_lock($1) AS "isFree"';
  const { rows } = await client.query<{ isFree: boolean }>(sql, [importLock]);
  if (rows[0]?.isFree) return;
  throw new CommandRefused(
    'An import is running on this database, and --reset would delete what it goes by: wait until it has ended.',
  );
}
