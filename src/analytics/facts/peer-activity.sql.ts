import { membersSql } from './enrollment-facts.sql.js';

/**
 * Median of the active days (UTC) of a course's active students in the 14 days up to a moment, as
 * `{ course_id, median }`. `$1` ids of the courses, `$3` must be null. The same number as the median over the rows of
 * `enrollmentFactsSql`, without the rest.
 */
export const peerMediansSql = (asOf: string): string => `
  SELECT m.course_id::int, percentile_cont(0.5) WITHIN GROUP (ORDER BY coalesce(d.active_days, 0)) AS median
  FROM (${membersSql(asOf)}) m
  LEFT JOIN (
    SELECT course_id, user_id, count(*) AS active_days
    FROM activity_days
    WHERE course_id = ANY($1::bigint[])
      AND day BETWEEN (${asOf} AT TIME ZONE 'UTC')::date - 13 AND (${asOf} AT TIME ZONE 'UTC')::date
      AND first_at <= ${asOf}
    GROUP BY 1, 2
  ) d USING (course_id, user_id)
  GROUP BY 1`;
