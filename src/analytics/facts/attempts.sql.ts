import { ofStudent, type Scope } from './scope.js';

/**
 * The attempts of one student at one activity as one row: `attempts` without banked ones, `is_late` of the first,
 * `score` of the latest in hundredths of a percent (whole numbers: sums are exact in any order).
 *
 * First and latest are found by packing the attempt's number before the value, because sorting or joining
 * 100,000 rows takes several times as long. 512 stands for "no grade".
 */
export function attemptsSql(scope: Scope): string {
  const { asOf } = scope;
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
      ${ofStudent('s.user_id', scope)} AND s.status <> 'voided' AND s.submitted_at <= ${asOf}
    GROUP BY 1, 2
  ),
  attempts AS (
    SELECT user_id, activity_id, attempts, has_due, first % 2 = 1 AS is_late,
      nullif(round((latest - 1024 * floor(latest / 1024)) * 100), 51200) AS score
    FROM packed
  )`;
}
