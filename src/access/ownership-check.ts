import { Injectable } from '@nestjs/common';
import { Problem } from '../http/problem.js';
import type { RouteAccess } from './access-rules.js';
import { idNames } from './id-names.js';
import { notFound } from './not-found.js';
import { attendedCourses, currentCourses, studiedCourses, taughtCourses, type Person } from './person.js';
import type { Principal } from './principal.js';
import { requestedIds, type IdSources, type RequestedIds } from './requested-ids.js';
import { RightsService, type Belonging } from './rights.service.js';

/** Everything that a request points at, reduced to courses and people. */
interface Named {
  readonly courses: ReadonlySet<string>;
  /** Those of them that are named themselves */
  readonly namedCourses: ReadonlySet<string>;
  /** Those of an activity that is named */
  readonly activityCourses: ReadonlySet<string>;
  /** People named as students or users */
  readonly people: ReadonlySet<string>;
  /** People whose the named enrollments, submissions and sessions are */
  readonly owners: ReadonlySet<string>;
  /** People whose learning in all their courses is asked for, since no course is named */
  readonly students: ReadonlySet<string>;
}

/**
 * Decides the reach `own`: may the caller touch everything that this request names?
 *
 * - A **student** owns their own record, enrollments, submissions and sessions, and may see the courses not dropped. What they
 *   did in one they dropped they may read, and not go on with: named beside themselves, it only says which enrollment is meant.
 * - A **teacher** owns the courses in which they are an active teacher or assistant, what belongs to them (enrollments of
 *   teachers and observers too), and the students of them, but nothing of who is deleted. With a course named, a student must be in that course; with
 *   none, all courses in which the student is active must be the teacher's, since the answer would speak of all of them;
 *   for a past moment all in which the student ever was. Only a `course_id` that the route reads names a course: what it
 *   does not read narrows no answer.
 * - A **service** or **admin** owns nothing: their reach is `all` or none.
 */
@Injectable()
export class OwnershipCheck {
  constructor(private readonly rights: RightsService) {}

  /**
   * @param person  the caller as the database knows them, if it does
   * @param route   which ids it reads, and which of them it gives to something new
   * @throws {Problem} `not_found` for what is missing or another's, one and the same answer for both;
   *   `validation_failed` if the request names nothing at all; `forbidden` if a course must be named
   */
  async check(
    principal: Principal,
    person: Person | null,
    request: IdSources,
    { declared, created }: Pick<RouteAccess, 'declared' | 'created'>,
  ): Promise<void> {
    const ids = requestedIds(request, declared, created);
    if (idNames.every((name) => ids[name].length === 0)) throw namesNothing();
    const named = await this.#named(ids);
    if (person === null) throw notFound();
    if (principal.role === 'student') checkStudent(person, named, isRead(request));
    else if (principal.role === 'teacher') await this.#checkTeacher(person, named, isPast(request));
    else throw notFound();
  }

  async #named(ids: RequestedIds): Promise<Named> {
    const lookUps = [
      ...ids.activity_id.map((id) => () => this.rights.activity(id)),
      ...ids.enrollment_id.map((id) => () => this.rights.enrollment(id)),
      ...ids.submission_id.map((id) => () => this.rights.submission(id)),
      ...ids.session_id.map((id) => () => this.rights.session(id)),
    ];
    const found: Belonging[] = [];
    // One after the other: made-up ids cost whoever sends them a look-up each, and no more than one a request.
    for (const lookUp of lookUps) {
      const belonging = await lookUp();
      if (belonging === null) throw notFound();
      found.push(belonging);
    }
    const coursesOf = (belongings: readonly Belonging[]) => belongings.map(({ course_id }) => course_id);
    return {
      courses: new Set([...ids.course_id, ...coursesOf(found)]),
      namedCourses: new Set(ids.course_id),
      activityCourses: new Set(coursesOf(found.filter(({ person_id }) => person_id === undefined))),
      people: new Set([...ids.student_id, ...ids.user_id]),
      owners: new Set(found.flatMap(({ person_id }) => (person_id === undefined ? [] : [person_id]))),
      students: new Set(ids.course_id.length === 0 ? ids.student_id : []),
    };
  }

  /** @param isPast  whether the answer speaks of the courses of students at an earlier moment */
  async #checkTeacher(
    teacher: Person,
    { courses, people, owners, students }: Named,
    isPast: boolean,
  ): Promise<void> {
    const taught = taughtCourses(teacher);
    if (!all(courses, taught)) throw notFound();
    for (const code of owners) await this.#notDeleted(code);
    for (const code of people) {
      if (code === teacher.code) continue;
      const person = await this.#notDeleted(code);
      const studied = studiedCourses(person);
      if (![...studied].some((course) => taught.has(course)) || !all(courses, studied)) throw notFound();
      const told = isPast ? studied : currentCourses(person);
      if (students.has(code) && !all(told, taught)) throw courseMissing();
    }
  }

  async #notDeleted(code: string): Promise<Person> {
    const person = await this.rights.person(code);
    if (person === null || person.status === 'deleted') throw notFound();
    return person;
  }
}

function isPast({ params }: IdSources): boolean {
  return typeof params === 'object' && params !== null && Object.hasOwn(params, 'as_of');
}

function isRead({ method }: IdSources): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** @param isReading  whether nothing is done to what is named */
function checkStudent(
  student: Person,
  { courses, namedCourses, activityCourses, people, owners }: Named,
  isReading: boolean,
): void {
  const attended = attendedCourses(student);
  // Named beside themselves, one that they dropped only says which enrollment is meant.
  const mayBeNamed = isReading && people.size > 0 ? studiedCourses(student) : attended;
  const mustBeAttended = isReading ? activityCourses : courses;
  if (!all(namedCourses, mayBeNamed) || !all(mustBeAttended, attended)) throw notFound();
  if (!all(new Set([...people, ...owners]), new Set([student.code]))) throw notFound();
}

function all(some: ReadonlySet<string>, among: ReadonlySet<string>): boolean {
  return [...some].every((member) => among.has(member));
}

function namesNothing(): Problem {
  return new Problem('validation_failed', `Name what you ask for: one of ${idNames.join(', ')}.`);
}

function courseMissing(): Problem {
  return new Problem(
    'forbidden',
    'This student also learns in courses of others: name one of your courses in course_id.',
  );
}
