import { IsNull, type EntityManager } from 'typeorm';
import { notFound } from '../access/not-found.js';
import type { Principal } from '../access/principal.js';
import { Activity } from './activities/activity.entity.js';
import { Course } from './courses/course.entity.js';
import { Enrollment } from './enrollments/enrollment.entity.js';
import { findUnique } from './find-unique.js';
import { unknown } from './unprocessable.js';
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

/** An activity with its course. To a student one that is not published does not exist. */
export async function activityFor(
  manager: EntityManager,
  { role }: Principal,
  code: string,
): Promise<Activity | null> {
  const activity = await findUnique(manager, Activity, { where: { code }, relations: { course: true } });
  if (role === 'student' && activity?.status !== 'published') throw notFound();
  return activity;
}

/** The same of one that a body names. */
export async function activityNamedBy(
  manager: EntityManager,
  principal: Principal,
  field: string,
  code: string,
): Promise<Activity> {
  return (await activityFor(manager, principal, code)) ?? unknown(field, 'no such activity');
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
