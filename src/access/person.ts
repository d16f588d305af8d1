import type { EnrollmentRole, EnrollmentStatus } from '../records/enrollments/enrollment.entity.js';
import type { UserRole } from '../records/users/user.entity.js';

/** What rights depend on: plain data, since it is cached. */
export interface Person {
  readonly code: string;
  readonly role: UserRole;
  readonly status: 'active' | 'inactive' | 'deleted';
  readonly enrollments: readonly PersonEnrollment[];
}

interface PersonEnrollment {
  readonly course_id: string;
  readonly role: EnrollmentRole;
  readonly status: EnrollmentStatus;
  /** Whether it has not ended, by the dates too: one that was completed without a date ends with its course. */
  readonly is_current: boolean;
}

/** A teaching assistant sees what the teacher of the course sees; an observer teaches nobody. */
export function taughtCourses(person: Person): ReadonlySet<string> {
  return coursesWhere(
    person,
    ({ role, status }) => (role === 'teacher' || role === 'ta') && status === 'active',
  );
}

/** Courses whose material a student may open: finished ones stay open, dropped ones do not. */
export function attendedCourses(person: Person): ReadonlySet<string> {
  return coursesWhere(person, ({ status }) => status !== 'dropped');
}

/** Courses in which a person is or was a student; who dropped out remains visible to the teacher. */
export function studiedCourses(person: Person): ReadonlySet<string> {
  return coursesWhere(person, ({ role }) => role === 'student');
}

/** Courses in which a person is a student at present. */
export function currentCourses(person: Person): ReadonlySet<string> {
  return coursesWhere(person, ({ role, is_current }) => role === 'student' && is_current);
}

function coursesWhere(
  person: Person,
  matches: (enrollment: PersonEnrollment) => boolean,
): ReadonlySet<string> {
  return new Set(person.enrollments.filter(matches).map(({ course_id }) => course_id));
}
