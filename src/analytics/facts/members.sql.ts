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

/**
 * When enrollment `e` of course `c` ended. One that was completed or failed without a date ended with its course; one
 * that was dropped without a date counts as never active.
 */
export const endedAtSql = `
  CASE WHEN e.status = 'active' THEN 'infinity'
       ELSE coalesce(e.ended_at, CASE WHEN e.status <> 'dropped' THEN c.ends_at ELSE '-infinity' END) END`;

/** Whether enrollment `e` of course `c` is active at a moment. */
export const isActiveSql = (asOf: string): string => `(${endedAtSql} > ${asOf})`;
