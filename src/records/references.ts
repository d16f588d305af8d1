import { IsNull, type EntityManager } from 'typeorm';
import { notFound } from '../access/not-found.js';
import type { Principal } from '../access/principal.js';
import { databaseNow } from '../database/database-clock.js';
import { Problem } from '../http/problem.js';
import { Activity } from './activities/activity.entity.js';
import { Course } from './courses/course.entity.js';
import { Enrollment } from './enrollments/enrollment.entity.js';
import { findUnique } from './find-unique.js';
import { User } from './users/user.entity.js';

/**
 * The user whom a body names, not deleted.
 *
 * @param isLocked  until the transaction ends nobody renames or deletes the user, and whoever does finds what it wrote
 */
export async function userNamedBy(
  manager: EntityManager,
  field: string,
  code: string,
  { isLocked = false } = {},
): Promise<User> {
  const user = await manager.findOne(User, {
    where: { code, deletedAt: IsNull() },
    ...(isLocked && { lock: { mode: 'pessimistic_read' } }),
  });
  return user ?? unknown(field, 'no such user');
}

/** The course that a body names. */
export async function courseNamedBy(manager: EntityManager, field: string, code: string): Promise<Course> {
  const course = await manager.findOneBy(Course, { code });
  return course ?? unknown(field, 'no such course');
}

/** The activity that a body names, with its course. To a student one that is not published does not exist. */
export async function activityNamedBy(
  manager: EntityManager,
  { role }: Principal,
  field: string,
  code: string,
): Promise<Activity> {
  const activity = await findUnique(manager, Activity, { where: { code }, relations: { course: true } });
  if (role === 'student' && activity?.status !== 'published') {
    throw notFound();
  }
  return activity ?? unknown(field, 'no such activity');
}

/**
 * The active enrollment of a student, locked until the transaction ends: what one student does in one course happens
 * one after the other, and nobody can drop the student meanwhile.
 */
export async function activeEnrollment(
  manager: EntityManager,
  field: string,
  user: User,
  course: Course,
): Promise<Enrollment> {
  const enrollment = await manager.findOne(Enrollment, {
    where: { userId: user.id, courseId: course.id, role: 'student', status: 'active' },
    lock: { mode: 'for_no_key_update' },
  });
  return enrollment ?? unknown(field, 'not an active student of this course');
}

/** How far a client's clock may be off. */
export const clockSkewMs = 5 * 60_000;

/** Reads a moment that has passed; a client's clock may be five minutes ahead of ours. */
export function pastMoment(field: string, text: string): Date {
  const moment = new Date(text);
  if (isFuture(moment)) unprocessable(field, 'future', 'more than 5 minutes in the future');
  return moment;
}

/** @throws {Problem} `not_found` */
export function noSuch(
  what: 'user' | 'course' | 'activity' | 'enrollment' | 'session' | 'submission',
): never {
  throw new Problem('not_found', `There is no such ${what}.`);
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

/** Refuses one field of the body with 422. */
export function unprocessable(field: string, code: string, detail: string): never {
  throw new Problem('unprocessable', `${field}: ${detail}.`, {
    errors: [{ pointer: `/${field}`, code, detail }],
  });
}

/** Refuses a field that names something which is not there. */
export function unknown(field: string, detail: string): never {
  return unprocessable(field, 'unknown', detail);
}
