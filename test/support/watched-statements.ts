import type { DataSource } from 'typeorm';

/** @param like  of which statement, as `LIKE` has it. @returns whether one waits for what another holds */
export async function waitsForLock(dataSource: DataSource, like = '%'): Promise<boolean> {
  const waiting = await dataSource.query<object[]>(
    `SELECT FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1`,
    [like],
  );
  return waiting.length > 0;
}

/** Does `work` on one connection, and takes back what it wrote. @returns what it gave, and how many rows of the table it read */
export async function countingReads<T>(
  dataSource: DataSource,
  table: string,
  work: (onOneConnection: DataSource) => Promise<T>,
): Promise<{ readonly given: T; readonly read: number }> {
  const runner = dataSource.createQueryRunner();
  await runner.startTransaction();
  const rowsRead = async () => {
    const [{ read }] = (await runner.query(
      `SELECT (seq_tup_read + idx_tup_fetch)::int AS read FROM pg_stat_xact_user_tables WHERE relname = $1`,
      [table],
    )) as [{ read: number }];
    return read;
  };
  try {
    const before = await rowsRead();
    const given = await work({
      manager: runner.manager,
      query: (sql: string, parameters?: unknown[]) => runner.query(sql, parameters) as unknown,
    } as DataSource);
    return { given, read: (await rowsRead()) - before };
  } finally {
    await runner.rollbackTransaction();
    await runner.release();
  }
}
