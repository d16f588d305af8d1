import { attemptsSql } from './attempts.sql.js';
import { membersSql } from './members.sql.js';
import { midnight, ofStudent, type Scope, today } from './scope.js';

/**
 * Raw numbers of every active student enrollment of some courses at one moment: one row an enrollment.
 *
 * The course view, the student view and
 * its trend all run this text, so that they cannot disagree. Only rows with an event time up to the moment count;
 * what has no history (publication, weights, deadlines, voided attempts) counts as it is today.
 */
function studentsSql(scope: Scope): string {
  const { asOf } = scope;
  return `
  published AS (
    SELECT id, course_id, due_at, is_required, due_at <= ${asOf} AS is_due, (weight * 1000)::float8 AS weight
    FROM activities
    WHERE course_id = ANY($1::bigint[]) AND status = 'published'
  ),
  totals AS (
    SELECT course_id,
      count(*) AS activities,
      count(*) FILTER (WHERE is_due) AS due,
      count(*) FILTER (WHERE is_required) AS required,
      count(*) FILTER (WHERE is_required AND is_due) AS due_required,
      coalesce(sum(weight) FILTER (WHERE is_required AND is_due), 0) AS due_required_weight
    FROM published
    GROUP BY course_id
  ),
  ${attemptsSql(scope)},
  work AS (
    SELECT p.course_id, w.user_id,
      count(*) FILTER (WHERE p.is_required) AS completed,
      count(*) FILTER (WHERE p.is_required AND p.is_due) AS completed_due,
      sum(w.attempts) AS attempts,
      count(*) FILTER (WHERE w.attempts = 0) AS banked,
      count(*) FILTER (WHERE w.attempts > 0) AS attempted,
      count(*) FILTER (WHERE w.attempts = 0 AND p.is_due) AS banked_due,
      count(*) FILTER (WHERE w.attempts > 0 AND p.is_due) AS submitted_due,
      count(*) FILTER (WHERE p.is_required AND p.is_due AND w.attempts = 0) AS banked_due_required,
      count(*) FILTER (WHERE p.is_required AND p.is_due AND w.attempts > 0) AS submitted_due_required,
      sum(p.weight) FILTER (WHERE p.is_required AND p.is_due AND w.attempts = 0) AS banked_due_weight,
      sum(p.weight) FILTER (WHERE p.is_required AND p.is_due AND w.attempts > 0) AS submitted_due_weight,
      count(*) FILTER (WHERE w.is_late) AS late,
      count(*) FILTER (WHERE w.has_due) AS with_due,
      count(w.score) AS graded,
      sum(w.score) AS score_sum,
      sum(w.score * p.weight) AS weighted_score_sum,
      sum(p.weight) FILTER (WHERE w.score IS NOT NULL) AS graded_weight
    FROM attempts w LEFT JOIN published p ON p.id = w.activity_id
    GROUP BY 1, 2
  ),
  recent AS (
    SELECT d.course_id, d.user_id,
      count(*) FILTER (WHERE d.day > ${today(asOf)} - 14) AS active_days,
      bool_or(d.last_at > ${asOf} - interval '7 days') AS is_active_7d,
      max(d.last_at) AS last_at
    FROM activity_days d
    WHERE d.course_id = ANY($1::bigint[]) ${ofStudent('d.user_id', scope)}
      AND d.day BETWEEN ${today(asOf)} - 14 AND ${today(asOf)} AND d.first_at <= ${asOf}
    GROUP BY 1, 2
  ),
  tutoring AS (
    SELECT course_id, user_id, count(*) AS sessions, sum(messages) AS messages,
      sum(student_messages) AS student_messages, sum(hints) AS hints
    FROM (
      SELECT course_id, user_id, message_count AS messages, student_message_count AS student_messages, hint_count AS hints
      FROM tutor_sessions
      WHERE course_id = ANY($1::bigint[]) ${ofStudent('user_id', scope)} AND last_event_at <= ${asOf}
      UNION ALL
      -- The counts of a session that went on after the moment know too much.
      SELECT t.course_id, t.user_id, count(m.id)::int, count(m.id) FILTER (WHERE m.sender = 'student')::int,
        count(m.id) FILTER (WHERE m.kind = 'hint')::int
      FROM tutor_sessions t LEFT JOIN tutor_messages m ON m.session_id = t.id AND m.sent_at <= ${asOf}
      WHERE t.course_id = ANY($1::bigint[]) ${ofStudent('t.user_id', scope)}
        AND t.started_at <= ${asOf} AND t.last_event_at > ${asOf}
      GROUP BY t.id
    ) session
    GROUP BY 1, 2
  ),
  members AS (${membersSql(scope)}),
  students AS (
  SELECT m.*,
    totals.activities, totals.due, totals.required, totals.due_required, totals.due_required_weight,
    work.completed, work.completed_due, work.attempts, work.banked, work.attempted, work.banked_due, work.submitted_due,
    work.banked_due_required, work.submitted_due_required, work.banked_due_weight, work.submitted_due_weight,
    work.late, work.with_due, work.graded, work.score_sum, work.weighted_score_sum, work.graded_weight,
    recent.active_days, recent.is_active_7d, tutoring.sessions, tutoring.messages, tutoring.student_messages, tutoring.hints,
    coalesce(earlier.last_at, recent.last_at) AS last_activity_at
  FROM members m
  LEFT JOIN totals USING (course_id)
  LEFT JOIN work USING (course_id, user_id)
  LEFT JOIN recent USING (course_id, user_id)
  LEFT JOIN tutoring USING (course_id, user_id)
  LEFT JOIN LATERAL (${lastActivitySql(scope)}) earlier ON true
  )`;
}

/** The last activity of member `m` up to the moment; looks into the rows of the day that the moment cuts in two. */
function lastActivitySql({ asOf }: Scope): string {
  return `
  SELECT max(at) AS last_at
  FROM (
    (SELECT d.last_at AS at FROM activity_days d
     WHERE d.user_id = m.user_id AND d.course_id = m.course_id AND d.day < ${today(asOf)}
       AND (recent.last_at IS NULL OR recent.last_at > ${asOf})
     ORDER BY d.day DESC LIMIT 1)
    UNION ALL
    SELECT greatest(
      (SELECT max(v.occurred_at) FROM events v
       WHERE v.course_id = m.course_id AND v.user_id = m.user_id AND v.occurred_at BETWEEN ${midnight(asOf)} AND ${asOf}
         AND v.verb IN ('viewed', 'opened', 'attempted', 'submitted', 'passed', 'failed', 'asked', 'received_hint',
                        'completed', 'logged_in', 'logged_out')),
      (SELECT max(s.submitted_at) FROM submissions s JOIN activities a ON a.id = s.activity_id
       WHERE s.user_id = m.user_id AND a.course_id = m.course_id AND s.status <> 'banked'
         AND s.submitted_at BETWEEN ${midnight(asOf)} AND ${asOf}),
      (SELECT max(t.started_at) FROM tutor_sessions t
       WHERE t.user_id = m.user_id AND t.course_id = m.course_id AND t.started_at BETWEEN ${midnight(asOf)} AND ${asOf}),
      (SELECT max(g.sent_at) FROM tutor_sessions t JOIN tutor_messages g ON g.session_id = t.id
       WHERE t.user_id = m.user_id AND t.course_id = m.course_id AND t.started_at <= ${asOf}
         AND t.last_event_at >= ${midnight(asOf)} AND g.sender = 'student'
         AND g.sent_at BETWEEN ${midnight(asOf)} AND ${asOf}))
    WHERE recent.last_at > ${asOf}
  ) activity`;
}

/** The students as one JSON list: a number stays a number, and 5,000 rows arrive at once. */
export const enrollmentFactsSql = (scope: Scope): string => `
  WITH ${studentsSql(scope)}
  SELECT json_agg(s) AS students FROM students s`;

export const courseFactsSql = (scope: Scope): string => `
  WITH ${studentsSql(scope)},
  figures AS (
    SELECT p.id,
      count(*) FILTER (WHERE w.attempts = 0) AS banked,
      count(*) FILTER (WHERE w.attempts > 0) AS submitted,
      count(*) FILTER (WHERE w.is_late) AS late,
      count(w.score) AS graded,
      avg(w.score) AS mean_score,
      percentile_cont(ARRAY[0, 0.25, 0.5, 0.75, 1]) WITHIN GROUP (ORDER BY w.score) AS quartiles
    FROM published p
    JOIN attempts w ON w.activity_id = p.id
    JOIN members m ON m.user_id = w.user_id AND m.course_id = p.course_id
    GROUP BY p.id
  )
  SELECT (SELECT json_agg(s) FROM students s) AS students, (SELECT json_agg(f) FROM figures f) AS activities`;
