import { membersSql } from './members.sql.js';
import { allStudents } from './scope.js';

/**
 * Twelve weeks of a course, oldest first, as `{ active_students, submissions, average_score }`.
 * `$1` ids of the courses, `$2` the moment, `$3` the date of the first Monday.
 */
export const courseTrendSql = `
  WITH members AS (${membersSql(allStudents)}),
  active AS (
    SELECT week, count(*)::int AS active_students
    FROM (
      SELECT user_id, bit_or(1 << (day - $3::date) / 7) AS weeks
      FROM activity_days
      WHERE course_id = ANY($1::bigint[]) AND day BETWEEN $3::date AND ($2::timestamptz AT TIME ZONE 'UTC')::date
        AND first_at <= $2::timestamptz
      GROUP BY user_id
    ) d JOIN generate_series(0, 11) AS week ON weeks >> week & 1 = 1
    WHERE user_id IN (SELECT user_id FROM members)
    GROUP BY week
  ),
  work AS (
    SELECT width_bucket(s.submitted_at, ARRAY(
        SELECT ($3::date + 7 * week)::timestamp AT TIME ZONE 'UTC' FROM generate_series(0, 11) AS week)) - 1 AS week,
      count(*)::int AS submissions,
      avg((s.score * 100)::int) FILTER (WHERE s.graded_at <= $2::timestamptz)::float8 / 100 AS average_score
    FROM submissions s JOIN activities a ON a.id = s.activity_id
    WHERE a.course_id = ANY($1::bigint[]) AND a.status = 'published' AND s.status IN ('submitted', 'graded')
      AND s.submitted_at >= $3::date::timestamp AT TIME ZONE 'UTC' AND s.submitted_at <= $2::timestamptz
      AND s.user_id IN (SELECT user_id FROM members)
    GROUP BY 1
  )
  SELECT coalesce(active_students, 0) AS active_students, coalesce(submissions, 0) AS submissions, average_score
  FROM generate_series(0, 11) AS weeks(week) LEFT JOIN active USING (week) LEFT JOIN work USING (week)
  ORDER BY week`;

/**
 * Courses by code with `next_deadline_at`, the next moment at which their figures change by themselves.
 * `$1` codes, `$2` the moment.
 */
export const coursesSql = `
  SELECT id::int, code, name, starts_at AS "startsAt", ends_at AS "endsAt", first_trace_at AS "firstTraceAt",
    pass_mark::float8 AS "passMark",
    least(CASE WHEN starts_at > $2::timestamptz THEN starts_at END, CASE WHEN ends_at > $2::timestamptz THEN ends_at END,
      (SELECT min(due_at) FROM activities a WHERE a.course_id = c.id AND a.status = 'published' AND a.due_at > $2::timestamptz)
    ) AS "nextDeadlineAt"
  FROM courses c
  WHERE code = ANY($1::text[])`;

/** The published activities of a course, by due date. `$1` ids of the courses. */
export const publishedActivitiesSql = `
  SELECT id::int, code, title, due_at AS "dueAt", points::float8
  FROM activities
  WHERE course_id = ANY($1::bigint[]) AND status = 'published'
  ORDER BY due_at NULLS LAST, code`;
