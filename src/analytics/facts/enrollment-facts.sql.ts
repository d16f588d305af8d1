/**
 * Raw numbers of every active student enrollment of some courses at one moment: one row an enrollment.
 *
 * `$1` ids of the courses (`bigint[]`), `$3` id of one student or null for all. The course view, the student view and
 * its trend all run this text, so that they cannot disagree. Only rows with an event time up to the moment count;
 * what has no history (publication, weights, deadlines, voided attempts) counts as it is today.
 *
 * @param asOf  expression of the moment: a parameter, or a column when there are several moments
 */
const studentsSql = (asOf: string): string => `
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
  ${attemptsSql(asOf)},
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
    WHERE d.course_id = ANY($1::bigint[]) AND ($3::bigint IS NULL OR d.user_id = $3)
      AND d.day BETWEEN ${today(asOf)} - 14 AND ${today(asOf)} AND d.first_at <= ${asOf}
    GROUP BY 1, 2
  ),
  tutoring AS (
    SELECT course_id, user_id, count(*) AS sessions, sum(messages) AS messages,
      sum(student_messages) AS student_messages, sum(hints) AS hints
    FROM (
      SELECT course_id, user_id, message_count AS messages, student_message_count AS student_messages, hint_count AS hints
      FROM tutor_sessions
      WHERE course_id = ANY($1::bigint[]) AND ($3::bigint IS NULL OR user_id = $3) AND last_event_at <= ${asOf}
      UNION ALL
      -- The counts of a session that went on after the moment know too much.
      SELECT t.course_id, t.user_id, count(m.id)::int, count(m.id) FILTER (WHERE m.sender = 'student')::int,
        count(m.id) FILTER (WHERE m.kind = 'hint')::int
      FROM tutor_sessions t LEFT JOIN tutor_messages m ON m.session_id = t.id AND m.sent_at <= ${asOf}
      WHERE t.course_id = ANY($1::bigint[]) AND ($3::bigint IS NULL OR t.user_id = $3)
        AND t.started_at <= ${asOf} AND t.last_event_at > ${asOf}
      GROUP BY t.id
    ) session
    GROUP BY 1, 2
  ),
  members AS (${membersSql(asOf)}),
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
  LEFT JOIN LATERAL (${lastActivitySql(asOf)}) earlier ON true
  )`;

/** Who is a student of the courses at the moment. */
export const membersSql = (asOf: string): string => `
  SELECT e.course_id, e.user_id, e.id AS enrollment_id, u.code AS student_id, u.full_name AS student_name,
    greatest(e.enrolled_at, c.starts_at) AS in_since
  FROM courses c
  JOIN enrollments e ON e.course_id = c.id
  JOIN users u ON u.id = e.user_id
  WHERE c.id = ANY($1::bigint[]) AND ($3::bigint IS NULL OR e.user_id = $3)
    AND e.role = 'student' AND e.enrolled_at <= ${asOf} AND ${isActiveSql(asOf)}
    AND (u.deleted_at IS NULL OR u.deleted_at > ${asOf})`;

/**
 * Whether enrollment `e` of course `c` is active. An enrollment that was completed or failed without a date ended
 * with its course; one that was dropped without a date counts as never active.
 */
export const isActiveSql = (asOf: string): string => `
  (e.status = 'active'
    OR coalesce(e.ended_at, CASE WHEN e.status <> 'dropped' THEN c.ends_at END) > ${asOf})`;

/**
 * The attempts of one student at one activity as one row: `attempts` without banked ones, `is_late` of the first,
 * `score` of the latest in hundredths of a percent (whole numbers: sums are exact in any order).
 *
 * First and latest are found by packing the attempt's number before the value, because sorting or joining
 * 100,000 rows takes several times as long. 512 stands for "no grade".
 */
export function attemptsSql(asOf: string): string {
  const dueAt = 'coalesce(s.due_at_effective, a.due_at)';
  // Seconds of due dates are ignored: late is from the next full minute on.
  const isLate = `coalesce(s.submitted_at >= date_trunc('minute', ${dueAt}) + interval '1 minute', false)`;
  const score = `CASE WHEN s.graded_at <= ${asOf} AND s.score IS NOT NULL THEN s.score::float8 ELSE 512 END`;
  return `
  packed AS (
    SELECT s.user_id, s.activity_id,
      count(*) FILTER (WHERE s.status <> 'banked')::int AS attempts,
      min(s.attempt_no * 2::bigint + ${isLate}::int) FILTER (WHERE s.status <> 'banked') AS first,
      max(s.attempt_no * 1024::float8 + ${score}) FILTER (WHERE s.status <> 'banked') AS latest,
      bool_or(${dueAt} IS NOT NULL) FILTER (WHERE s.status <> 'banked') AS has_due
    FROM submissions s JOIN activities a ON a.id = s.activity_id
    WHERE a.course_id = ANY($1::bigint[]) AND a.status = 'published'
      AND ($3::bigint IS NULL OR s.user_id = $3) AND s.status <> 'voided' AND s.submitted_at <= ${asOf}
    GROUP BY 1, 2
  ),
  attempts AS (
    SELECT user_id, activity_id, attempts, has_due, first % 2 = 1 AS is_late,
      nullif(round((latest - 1024 * floor(latest / 1024)) * 100), 51200) AS score
    FROM packed
  )`;
}

/** The last activity of member `m` up to the moment; looks into the rows of the day that the moment cuts in two. */
const lastActivitySql = (asOf: string): string => `
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

const today = (asOf: string): string => `(${asOf} AT TIME ZONE 'UTC')::date`;
const midnight = (asOf: string): string => `date_trunc('day', ${asOf}, 'UTC')`;

/** The students as one JSON list: a number stays a number, and 5,000 rows arrive at once. */
export const enrollmentFactsSql = (asOf: string): string => `
  WITH ${studentsSql(asOf)}
  SELECT json_agg(s) AS students FROM students s`;

export const courseFactsSql = (asOf: string): string => `
  WITH ${studentsSql(asOf)},
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
