import { isActiveSql } from '../../records/enrollments/enrollment-end.sql.js';
import { attemptsSql } from './attempts.sql.js';
import { enrollmentFactsSql } from './enrollment-facts.sql.js';
import { membersSql } from './members.sql.js';
import { oneStudent } from './scope.js';

/** A student by code: who learns in a course is one there, whatever else they are. `$1` code, `$2` the moment. */
export const studentSql = `
  SELECT id::int, code, full_name AS name, email
  FROM users
  WHERE code = $1 AND (deleted_at IS NULL OR deleted_at > $2::timestamptz)
    AND (role = 'student' OR EXISTS (SELECT FROM enrollments e WHERE e.user_id = users.id AND e.role = 'student'))`;

/** The enrollments of a student at a moment. `$1` id of the student, `$2` the moment, `$3` one course's code or null. */
export const enrollmentsSql = `
  SELECT c.code AS "courseCode", CASE WHEN ${isActiveSql('$2::timestamptz')} THEN 'active' ELSE e.status END AS status
  FROM enrollments e JOIN courses c ON c.id = e.course_id
  WHERE e.user_id = $1 AND e.role = 'student' AND e.enrolled_at <= $2::timestamptz
    AND ($3::text IS NULL OR c.code = $3)
  ORDER BY c.code`;

/** The facts of one student at several moments `$2`, as `{ as_of, students }`. */
export const factsAtMomentsSql = `
  SELECT moments.as_of, f.students
  FROM unnest($2::timestamptz[]) WITH ORDINALITY AS moments(as_of, place)
  CROSS JOIN LATERAL (${enrollmentFactsSql({ asOf: 'moments.as_of', isOneStudent: true })}) f
  ORDER BY place`;

/** The work that recommendations name, as `{ course_id, missing_ids, lowest_ids }`. Parameters as in the facts. */
export const namedWorkSql = `
  WITH members AS (${membersSql(oneStudent)}),
  ${attemptsSql(oneStudent)}
  SELECT a.course_id::int,
    coalesce(array_agg(a.code ORDER BY a.due_at, a.code)
      FILTER (WHERE a.is_required AND a.due_at BETWEEN m.enrolled_at AND $2::timestamptz AND w.activity_id IS NULL),
      '{}') AS missing_ids,
    coalesce((array_agg(a.code ORDER BY w.score, a.code) FILTER (WHERE w.score IS NOT NULL))[1:2], '{}') AS lowest_ids
  FROM members m JOIN activities a ON a.course_id = m.course_id LEFT JOIN attempts w ON w.activity_id = a.id
  WHERE a.course_id = ANY($1::bigint[]) AND a.status = 'published'
  GROUP BY 1`;
