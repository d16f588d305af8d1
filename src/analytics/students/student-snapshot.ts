import { Problem } from '../../http/problem.js';
import type { EnrollmentStatus } from '../../records/enrollments/enrollment.entity.js';
import { coursesSql } from '../facts/course-blocks.sql.js';
import type { Course } from '../facts/course.js';
import type { Moment } from '../facts/moment.js';
import type { Query } from '../facts/snapshot.js';
import { enrollmentsSql, factsAtMomentsSql, namedWorkSql, studentSql } from '../facts/student-blocks.sql.js';
import type { StudentRow } from '../facts/student-facts.js';
import { minutesAcrossCoursesSql } from '../facts/tutoring.sql.js';
import { endOfWeek, twelveMondays } from '../iso-week.js';

interface Student {
  id: number;
  code: string;
  name: string | null;
  email: string | null;
}

export interface Enrollment {
  course: Course;
  status: EnrollmentStatus;
}

/** What one snapshot of the database says about a student. */
export interface StudentSnapshot {
  moment: Moment;
  student: Student;
  enrollments: Enrollment[];
  /** rows of the active courses at each moment: the ends of past weeks, then the present */
  history: { moment: Date; rows: StudentRow[] }[];
  work: Map<number, { missing_ids: string[]; lowest_ids: string[] }>;
  /** with the tutor in the active courses */
  minutes: number;
}

/**
 * Reads it.
 *
 * @param startPeers  is given each course whose peers will be needed, before its rows are asked for
 * @throws {Problem} `not_found` for an unknown student, or one who is not enrolled in the course
 */
export async function readStudentSnapshot(
  query: Query,
  studentCode: string,
  courseCode: string | null,
  moment: Moment,
  startPeers: (courseId: number) => void,
): Promise<StudentSnapshot> {
  const { asOf } = moment;
  const [student] = await query<Student>(studentSql, [studentCode, asOf]);
  if (!student) throw new Problem('not_found', 'There is no such student.');
  const enrollments = await enrollmentsOf(query, student, courseCode, asOf);
  if (courseCode !== null && enrollments.length === 0) {
    throw new Problem('not_found', 'The student is not enrolled in this course.');
  }
  const courseIds = enrollments.filter(({ status }) => status === 'active').map(({ course }) => course.id);
  const moments = [...twelveMondays(asOf).slice(0, -1).map(endOfWeek), asOf];
  if (courseIds.length === 0) {
    const history = moments.map((at) => ({ moment: at, rows: [] }));
    return { moment, student, enrollments, history, work: new Map(), minutes: 0 };
  }
  courseIds.forEach(startPeers);

  const scope = [courseIds, asOf, student.id];
  const facts = await query<{ students: StudentRow[] | null }>(factsAtMomentsSql, [
    courseIds,
    moments,
    student.id,
  ]);
  const work = await query<{ course_id: number; missing_ids: string[]; lowest_ids: string[] }>(
    namedWorkSql,
    scope,
  );
  const history = moments.map((at, i) => ({ moment: at, rows: facts[i]?.students ?? [] }));
  // Those of a single course, which most have, are among its facts.
  const [across] =
    courseIds.length > 1
      ? await query<{ minutes: number }>(minutesAcrossCoursesSql, scope)
      : (history.at(-1)?.rows ?? []);
  return {
    moment,
    student,
    enrollments,
    history,
    work: new Map(work.map((row) => [row.course_id, row])),
    minutes: across?.minutes ?? 0,
  };
}

/** The named enrollment, or all active ones, by course. */
async function enrollmentsOf(
  query: Query,
  student: Student,
  courseCode: string | null,
  asOf: Date,
): Promise<Enrollment[]> {
  const found = await query<{ courseCode: string; status: EnrollmentStatus }>(enrollmentsSql, [
    student.id,
    asOf,
    courseCode,
  ]);
  const shown = courseCode === null ? found.filter(({ status }) => status === 'active') : found;
  const courses = await query<Course>(coursesSql, [shown.map((row) => row.courseCode), asOf]);
  const byCode = new Map(courses.map((course) => [course.code, course]));
  return shown.flatMap((row) => {
    const course = byCode.get(row.courseCode);
    return course ? [{ course, status: row.status }] : [];
  });
}

/** The rows of the active courses at the present moment. */
export const rowsNow = ({ history }: StudentSnapshot): StudentRow[] => history.at(-1)?.rows ?? [];

export function namedWork(
  { work }: StudentSnapshot,
  course: Course,
): { missingIds: string[]; lowestIds: string[] } {
  const named = work.get(course.id);
  return { missingIds: named?.missing_ids ?? [], lowestIds: named?.lowest_ids ?? [] };
}
