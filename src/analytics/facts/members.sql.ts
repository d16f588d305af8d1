import { isActiveSql } from '../../records/enrollments/enrollment-end.sql.js';
import { ofStudent, type Scope } from './scope.js';

/** Who is a student of the courses at the moment. */
export function membersSql(scope: Scope): string {
  const { asOf } = scope;
  return `
  SELECT e.course_id, e.user_id, e.id AS enrollment_id, u.code AS student_id, u.full_name AS student_name,
    e.enrolled_at, greatest(e.enrolled_at, c.starts_at) AS in_since
  FROM courses c
  JOIN enrollments e ON e.course_id = c.id
  JOIN users u ON u.id = e.user_id
  WHERE c.id = ANY($1::bigint[]) ${ofStudent('e.user_id', scope)}
    AND e.role = 'student' AND e.enrolled_at <= ${asOf} AND ${isActiveSql(asOf)}
    AND (u.deleted_at IS NULL OR u.deleted_at > ${asOf})`;
}
