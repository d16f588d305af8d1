import type { EntityManager } from 'typeorm';
import { databaseNow } from '../database/database-clock.js';
import { unknown, unprocessable } from './unprocessable.js';

/** How far a client's clock may be off. */
export const clockSkewMs = 5 * 60_000;

/** Reads a moment that has passed; a client's clock may be five minutes ahead of ours. */
export function pastMoment(field: string, text: string): Date {
  const moment = new Date(text);
  if (isFuture(moment)) unprocessable(field, 'future', 'more than 5 minutes in the future');
  return moment;
}

/** The moment that a body tells, read as by `pastMoment`; the present by the database's clock if it tells none. */
export async function momentTold(
  manager: EntityManager,
  field: string,
  text: string | undefined,
): Promise<Date> {
  return text === undefined ? databaseNow(manager) : pastMoment(field, text);
}

/** As {@link momentTold}, and never ahead of the database's clock: what ends or begins rights shall not do so by itself. */
export async function momentSoFar(
  manager: EntityManager,
  field: string,
  text: string | undefined,
): Promise<Date> {
  const told = text === undefined ? Infinity : pastMoment(field, text).getTime();
  return new Date(Math.min(told, (await databaseNow(manager)).getTime()));
}

/**
 * What a student dates before they were in the course is refused: the first trace of a course counts for all who are in it.
 * A client's clock may be five minutes behind ours.
 *
 * @throws {Problem} `unprocessable`
 */
export async function mustFollowEnrollment(
  manager: EntityManager,
  field: string,
  moment: Date,
  of: { student_id: string; course_id: string },
): Promise<void> {
  const [row] = await manager.query<{ enrolled_at: Date | null }[]>(
    `SELECT min(e.enrolled_at) AS enrolled_at
     FROM enrollments e JOIN users u ON u.id = e.user_id JOIN courses c ON c.id = e.course_id
     WHERE u.code = $1 AND c.code = $2`,
    [of.student_id, of.course_id],
  );
  const enrolledAt = row?.enrolled_at;
  if (!enrolledAt) unknown('course_id', 'no course that the student is in');
  if (moment.getTime() < enrolledAt.getTime() - clockSkewMs) {
    unprocessable(field, 'order', 'more than 5 minutes before the student joined the course');
  }
}

export function isFuture(moment: Date): boolean {
  return moment.getTime() > Date.now() + clockSkewMs;
}
