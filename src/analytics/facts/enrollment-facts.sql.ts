import { activityVerbsSql } from '../../records/events/activity-verbs.js';
import { attemptsSql } from './attempts.sql.js';
import { membersSql } from './members.sql.js';
import { midnight, ofStudent, type Scope, today } from './scope.js';
import { tutoringSql } from './tutoring.sql.js';

/**
 * The numbers of every active student enrollment of some courses at one moment: one row an enrollment, a `StudentRow`.
 *
 * The course view, the student view and its trend all run this text, so that they cannot disagree in what it tells. The
 * median that `low_engagement` compares with is not in it: the student view shares one of its course, up to 30 s old. Only
 * rows with an event time up to the moment count; what has no history (publication, weights, deadlines, corrected grades,
 * voided attempts) counts as it is today.
 */
function studentsSql(scope: Scope): string {
  const { asOf } = scope;
  const day = today(asOf);
  return `
  members AS (${membersSql(scope)}),
  published AS (
    SELECT id, course_id, due_at, is_required, due_at <= ${asOf} AS is_due, (weight * 1000)::float8 AS weight,
      is_required AND due_at <= ${asOf} AS is_due_required
    FROM activities
    WHERE course_id = ANY($1::bigint[]) AND status = 'published'
  ),
  totals AS (
    SELECT course_id,
      count(*) AS activities,
      count(*) FILTER (WHERE is_due) AS due,
      count(*) FILTER (WHERE is_required) AS required,
      count(*) FILTER (WHERE is_due_required) AS due_required,
      sum(weight) FILTER (WHERE is_due_required) AS due_weight
    FROM published
    GROUP BY course_id
  ),
  ${attemptsSql(scope)},
  work AS (
    SELECT p.course_id, w.user_id,
      sum(w.attempts) AS attempts,
      count(*) FILTER (WHERE p.is_required) AS completed,
      count(*) FILTER (WHERE p.is_due) AS touched_due,
      count(*) FILTER (WHERE p.is_due_required) AS completed_due,
      sum(p.weight) FILTER (WHERE p.is_due_required) AS completed_weight,
      count(*) FILTER (WHERE w.attempts = 0) AS banked,
      count(*) FILTER (WHERE w.attempts = 0 AND p.is_due_required) AS banked_due,
      sum(p.weight) FILTER (WHERE w.attempts = 0 AND p.is_due_required) AS banked_weight,
      count(w.attempts) AS touched,
      count(*) FILTER (WHERE w.is_late) AS late,
      count(*) FILTER (WHERE w.has_due) AS with_due,
      count(w.score) AS graded,
      sum(w.score) AS score_sum,
      sum(w.score * p.weight) AS weighted_score_sum,
      sum(p.weight) FILTER (WHERE w.score IS NOT NULL) AS graded_weight
    FROM attempts w JOIN published p ON p.id = w.activity_id
    GROUP BY 1, 2
  ),
  -- What was due before the student enrolled. Few students have any, which is why it is counted apart.
  bygone AS (
    SELECT m.course_id, m.user_id,
      count(*) FILTER (WHERE p.is_required AND w.attempts IS DISTINCT FROM 0) AS due,
      sum(p.weight) FILTER (WHERE p.is_required AND w.attempts IS DISTINCT FROM 0) AS due_weight,
      count(*) FILTER (WHERE p.is_required AND w.attempts IS NULL) AS missing,
      sum(p.weight) FILTER (WHERE p.is_required AND w.attempts IS NULL) AS missing_weight,
      count(*) FILTER (WHERE w.is_late) AS late,
      count(*) FILTER (WHERE w.has_due) AS with_due
    FROM members m
    JOIN published p ON p.course_id = m.course_id AND p.due_at < m.enrolled_at
    LEFT JOIN attempts w ON w.user_id = m.user_id AND w.activity_id = p.id
    WHERE m.enrolled_at > (SELECT min(due_at) FROM published)
    GROUP BY 1, 2
  ),
  recent AS (
    SELECT d.course_id, d.user_id, count(*) FILTER (WHERE d.day > ${day} - 14) AS active_days, max(d.last_at) AS last_at
    FROM activity_days d
    WHERE d.course_id = ANY($1::bigint[]) ${ofStudent('d.user_id', scope)}
      AND d.day BETWEEN ${day} - 14 AND ${day} AND d.first_at <= ${asOf}
    GROUP BY 1, 2
  ),
  tutoring AS (${tutoringSql(scope)}),
  students AS (
    SELECT course_id, user_id, m.student_id, m.student_name, m.in_since,
      t.activities - coalesce(w.banked, 0) AS published,
      coalesce(w.touched - w.banked, 0) AS published_submitted,
      coalesce(w.late, 0) AS published_late,
      t.due - coalesce(w.touched_due, 0) AS published_missing,
      t.required, coalesce(w.completed, 0) AS completed,
      t.due_required, coalesce(w.completed_due, 0) AS completed_due,
      t.due_required - coalesce(w.banked_due, 0) - coalesce(b.due, 0) AS due_count,
      coalesce(t.due_weight, 0) - coalesce(w.banked_weight, 0) - coalesce(b.due_weight, 0) AS due_weight,
      t.due_required - coalesce(w.completed_due, 0) - coalesce(b.missing, 0) AS missing_count,
      coalesce(t.due_weight, 0) - coalesce(w.completed_weight, 0) - coalesce(b.missing_weight, 0) AS missing_weight,
      coalesce(w.late, 0) - coalesce(b.late, 0) AS late_count,
      coalesce(w.with_due, 0) - coalesce(b.with_due, 0) AS submitted_with_due_count,
      coalesce(w.attempts, 0) AS attempts, coalesce(w.graded, 0) AS graded,
      CASE WHEN w.graded_weight > 0 THEN w.weighted_score_sum / w.graded_weight
           WHEN w.graded > 0 THEN w.score_sum::float8 / w.graded END / 100 AS mean_score,
      coalesce(recent.active_days, 0) AS active_days,
      coalesce(recent.last_at > ${asOf} - interval '168 hours', false) AS is_active_7d,
      coalesce(s.sessions, 0) AS sessions, coalesce(s.minutes, 0) AS minutes, coalesce(s.messages, 0) AS messages,
      coalesce(s.student_messages, 0) AS student_messages, coalesce(s.hints, 0) AS hints,
      coalesce(earlier.last_at, recent.last_at) AS last_activity_at
    FROM members m
    LEFT JOIN totals t USING (course_id)
    LEFT JOIN work w USING (course_id, user_id)
    LEFT JOIN bygone b USING (course_id, user_id)
    LEFT JOIN recent USING (course_id, user_id)
    LEFT JOIN tutoring s USING (course_id, user_id)
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
         AND v.verb IN ${activityVerbsSql}),
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
      avg(w.score)::float8 AS mean_score,
      percentile_cont(ARRAY[0, 0.25, 0.5, 0.75, 1]) WITHIN GROUP (ORDER BY w.score) AS quartiles
    FROM published p JOIN attempts w ON w.activity_id = p.id
    WHERE w.user_id IN (SELECT user_id FROM members)
    GROUP BY p.id
  )
  SELECT (SELECT json_agg(s) FROM students s) AS students, (SELECT json_agg(f) FROM figures f) AS activities`;
