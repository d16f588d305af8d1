/** What runs a statement: a pool, a transaction, a snapshot. */
interface Statements {
  query(sql: string): Promise<unknown[]>;
}

/**
 * The present by the database's clock, to the millisecond; an error of the database as it comes.
 *
 * The one clock of what is stored with a time and of what is cut by one: a time that was taken before a commit is not later than
 * one that is taken after it, whichever processes take them.
 */
export async function databaseNow(statements: Statements): Promise<Date> {
  const [row] = (await statements.query('SELECT clock_timestamp() AS now')) as [{ now: Date }];
  return row.now;
}
