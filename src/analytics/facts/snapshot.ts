import type { DataSource } from 'typeorm';

/** Runs a statement and returns its rows. */
export type Query = <Row>(sql: string, parameters: readonly unknown[]) => Promise<Row[]>;

// Statements differ in cost by a factor of a thousand between a course of five and one of 5,000: the guesses that
// switch on JIT compilation cost more than it brings, and the default memory for hashing is for the small ones.
const settings = `SET TRANSACTION READ ONLY; SET LOCAL jit = off; SET LOCAL work_mem = '32MB'`;

/** Runs `work` on one connection; all its statements see the database at the same moment. */
export function inSnapshot<T>(dataSource: DataSource, work: (query: Query) => Promise<T>): Promise<T> {
  return dataSource.transaction('REPEATABLE READ', async (manager) => {
    await manager.query(settings);
    return work((sql, parameters) => manager.query(sql, [...parameters]));
  });
}
