import { ofStudent, type Scope } from './scope.js';

/**
 * The attempts of one student at one activity as one row: `attempts` without banked ones, `has_due` and `is_late` of
 * the first, `score` of the latest in hundredths of a percent (whole numbers: sums are exact in any order). Attempts are in the
 * order of their numbers, which is that of arrival: so the latest is the one that `is_final` names.
 *
 * First and latest are found by packing the attempt's number before the value, because sorting or joining
 * 100,000 rows takes several times as long. 16383 stands for "no grade".
 */
export function attemptsSql(scope: Scope): string {
  const { asOf } = scope;
  // As the activity stood when the attempt was handed in: a due date that came later makes nobody late.
  const dueAt = 's.due_at_effective';
  // Seconds of due dates are ignored: late is from the next full minute on.
  const isLate = `coalesce(s.submitted_at > ${dueAt}
        AND date_trunc('minute', s.submitted_at) > date_trunc('minute', ${dueAt}), false)`;
  const score = `CASE WHEN s.graded_at <= ${asOf} AND s.score IS NOT NULL THEN (s.score * 100)::int ELSE 16383 END`;
  return `
  packed AS (
    SELECT s.user_id, s.activity_id,
      count(*) FILTER (WHERE s.status <> 'banked')::int AS attempts,
      min(s.attempt_no * 4::bigint + (${dueAt} IS NOT NULL)::int * 2 + ${isLate}::int)
        FILTER (WHERE s.status <> 'banked') AS first,
      max(s.attempt_no * 16384::bigint + ${score}) FILTER (WHERE s.status <> 'banked') AS latest
    FROM submissions s JOIN activities a ON a.id = s.activity_id
    WHERE a.course_id = ANY($1::bigint[]) AND a.status = 'published'
      ${ofStudent('s.user_id', scope)} AND s.status <> 'voided' AND s.submitted_at <= ${asOf}
    GROUP BY 1, 2
  ),
  attempts AS (
    SELECT user_id, activity_id, attempts, first & 2 = 2 AS has_due, first & 1 = 1 AS is_late,
      nullif(latest % 16384, 16383)::int AS score
    FROM packed
  )`;
}
