import { decodeCursor, encodeCursor, foreignCursor } from '../../http/page.dto.js';
import type { CourseStudentDto, CourseStudentPage } from './course-analytics.dto.js';
import type { CourseStudentsQuery } from './course-students.query.dto.js';
import {
  comparePlaces,
  inOrderOf,
  type Place,
  placeOf,
  type StudentOrder,
  valueTypes,
} from './course-students.js';

/**
 * The page of a list of students that a query asks for.
 *
 * @param of  what the list is of, such as `PROG-101`: a cursor of another is refused
 * @throws {Problem} `validation_failed`
 */
export function studentPage(
  of: string,
  students: readonly CourseStudentDto[],
  { limit, cursor, sort }: CourseStudentsQuery,
): CourseStudentPage {
  const list = `course_students/${of}/${sort}`;
  const ordered = inOrderOf(students, sort);
  const last = cursor === undefined ? undefined : placeFrom(list, cursor, sort);
  const rest = last ? ordered.filter((student) => comparePlaces(placeOf(student, sort), last) > 0) : ordered;
  const data = rest.slice(0, limit);
  const end = data.at(-1);
  return { data, next_cursor: rest.length > limit && end ? encodeCursor(list, placeOf(end, sort)) : null };
}

function placeFrom(list: string, cursor: string, sort: StudentOrder): Place {
  const [value = null, studentId] = decodeCursor(list, cursor, 2);
  if (typeof studentId === 'string' && (value === null || typeof value === valueTypes[sort])) {
    return [value, studentId];
  }
  throw foreignCursor();
}
