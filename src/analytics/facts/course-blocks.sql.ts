import { membersSql } from './members.sql.js';
import { allStudents, ofStudent, type Scope } from './scope.js';

/**
 * Minutes each student spent in tutor sessions, as `{ course_id, user_id, minutes }`; students without sessions have
 * no row. A session counts at most 240 minutes, and time covered by two sessions of a student counts once.
 */
export function minutesSql(scope: Scope): string {
  const { asOf } = scope;
  return `
  SELECT course_id::int, user_id::int, sum(minutes)::float8 AS minutes
  FROM (
    SELECT course_id, user_id,
      greatest(0, extract(epoch FROM until - greatest(started_at, max(until) OVER (
        PARTITION BY course_id, user_id ORDER BY started_at, id
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))) / 60)::float8 AS minutes
    FROM (
      SELECT id, course_id, user_id, started_at,
        least(started_at + interval '240 minutes',
          CASE WHEN t.ended_at <= ${asOf} THEN t.ended_at
               WHEN t.last_event_at <= ${asOf} THEN t.last_event_at
               ELSE coalesce((SELECT max(m.sent_at) FROM tutor_messages m
                              WHERE m.session_id = t.id AND m.sent_at <= ${asOf}), t.started_at)
          END) AS until
      FROM tutor_sessions t
      WHERE course_id = ANY($1::bigint[]) ${ofStudent('user_id', scope)} AND started_at <= ${asOf}
    ) session
  ) piece
  GROUP BY 1, 2`;
}

/**
 * Twelve weeks of a course, oldest first, as `{ active_students, submissions, average_score }`.
 * `$1` ids of the courses, `$2` the moment, `$3` the date of the first Monday.
 */
export const courseTrendSql = `
  WITH members AS (${membersSql(allStudents)}),
  active AS (
    SELECT week, count(*)::int AS active_students
    FROM (
      SELECT DISTINCT (day - $3::date) / 7 AS week, user_id
      FROM activity_days
      WHERE course_id = ANY($1::bigint[]) AND day BETWEEN $3::date AND ($2::timestamptz AT TIME ZONE 'UTC')::date
        AND first_at <= $2::timestamptz
    ) d
    WHERE user_id IN (SELECT user_id FROM members)
    GROUP BY week
  ),
  work AS (
    SELECT ((s.submitted_at AT TIME ZONE 'UTC')::date - $3::date) / 7 AS week, count(*)::int AS submissions,
      (avg(s.score) FILTER (WHERE s.graded_at <= $2::timestamptz))::float8 AS average_score
    FROM submissions s JOIN activities a ON a.id = s.activity_id
    WHERE a.course_id = ANY($1::bigint[]) AND a.status = 'published' AND s.status IN ('submitted', 'graded')
      AND s.submitted_at >= $3::date::timestamp AT TIME ZONE 'UTC' AND s.submitted_at <= $2::timestamptz
      AND s.user_id IN (SELECT user_id FROM members)
    GROUP BY week
  )
  SELECT coalesce(active_students, 0) AS active_students, coalesce(submissions, 0) AS submissions, average_score
  FROM generate_series(0, 11) AS weeks(week) LEFT JOIN active USING (week) LEFT JOIN work USING (week)
  ORDER BY week`;

/**
 * Courses by code with `next_deadline_at`, the next moment at which their figures change by themselves.
 * `$1` codes, `$2` the moment.
 */
export const coursesSql = `
  SELECT id::int, code, name, starts_at AS "startsAt", ends_at AS "endsAt", pass_mark::float8 AS "passMark",
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
