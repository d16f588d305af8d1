import { databaseNow } from '../../database/database-clock.js';
import type { Query } from './snapshot.js';

/** The moment that an answer is for. */
export interface Moment {
  readonly asOf: Date;
  /** The present, by the clock that told the moment */
  now(): Date;
}

/** @param past  a moment that is over; the present by the database's clock if left out */
export async function momentOf(query: Query, past?: Date): Promise<Moment> {
  if (past) return { asOf: past, now: () => new Date() };
  const asOf = await databaseNow({ query: (sql) => query(sql, []) });
  const readAtMs = performance.now();
  return { asOf, now: () => new Date(asOf.getTime() + performance.now() - readAtMs) };
}
