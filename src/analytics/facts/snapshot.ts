import { createHash } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { DataSource } from 'typeorm';

/** Runs a statement and returns its rows. */
export type Query = <Row>(sql: string, parameters: readonly unknown[]) => Promise<Row[]>;

// The guesses that switch on JIT compilation cost more than it brings, and a course of 5,000 needs more memory for
// hashing than the default.
const settings = `SET TRANSACTION READ ONLY; SET LOCAL jit = off; SET LOCAL work_mem = '32MB'`;

/** Runs `work` on one connection; all its statements see the database at the same moment. */
export function inSnapshot<T>(dataSource: DataSource, work: (query: Query) => Promise<T>): Promise<T> {
  return dataSource.transaction('REPEATABLE READ', async (manager) => {
    await manager.query(settings);
    return work((sql, parameters) => manager.query(sql, [...parameters]));
  });
}

/**
 * The same for statements that touch little: planning them takes longer than running them, so that each connection
 * prepares them once, and one plan serves all parameters.
 */
export function inPreparedSnapshot<T>(
  dataSource: DataSource,
  work: (query: Query) => Promise<T>,
): Promise<T> {
  return dataSource.transaction('REPEATABLE READ', async (manager) => {
    await manager.query(`${settings}; SET LOCAL plan_cache_mode = force_generic_plan`);
    const client = (await manager.queryRunner?.connect()) as ClientBase;
    return work(async <Row>(text: string, parameters: readonly unknown[]) => {
      const { rows } = await client.query({ name: nameOf(text), text, values: [...parameters] });
      return rows as Row[];
    });
  });
}

const names = new Map<string, string>();

/** The texts are constants of this program, so that there are only as many names. */
function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = createHash('sha256').update(text).digest('hex').slice(0, 32);
    names.set(text, name);
  }
  return name;
}
