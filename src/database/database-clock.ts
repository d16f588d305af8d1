/** Something that runs statements: a pool, a transaction, a snapshot. */
interface Statements {
  query(sql: string): Promise<unknown[]>;
}

/**
 * The present by the database's clock, to the millisecond. Throws the database's own errors.
 *
 * The only clock for stored times, and for times that select among these: so a time taken before a commit is never later than
 * one taken after it, in whichever processes.
 */
export async function databaseNow(statements: Statements): Promise<Date> {
  const [row] = (await statements.query('SELECT clock_timestamp() AS now')) as [{ now: Date }];
  return row.now;
}
