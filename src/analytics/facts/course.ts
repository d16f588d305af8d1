import { Problem } from '../../http/problem.js';
import { coursesSql } from './course-blocks.sql.js';
import type { Query } from './snapshot.js';
import type { CourseDates } from './student-facts.js';

/** A course as the analytics need it. */
export interface Course extends CourseDates {
  id: number;
  code: string;
  name: string;
  /** 0-100 */
  passMark: number;
  /** next moment at which figures change by themselves */
  nextDeadlineAt: Date | null;
}

/** @throws {Problem} `not_found` */
export async function findCourse(query: Query, code: string, asOf: Date): Promise<Course> {
  const [course] = await query<Course>(coursesSql, [[code], asOf]);
  if (!course) throw new Problem('not_found', 'There is no such course.');
  return course;
}
