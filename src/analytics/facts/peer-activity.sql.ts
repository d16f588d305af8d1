import { membersSql } from './members.sql.js';
import { today } from './scope.js';

/**
 * Median of the active days (UTC) of a course's active students in the 14 days up to a moment, as
 * `{ course_id, median }`. `$1` ids of the courses. The same number as the median over the rows of
 * `enrollmentFactsSql`, without the rest.
 */
export const peerMediansSql = (asOf: string): string => `
  SELECT m.course_id::int, percentile_cont(0.5) WITHIN GROUP (ORDER BY coalesce(d.active_days, 0)) AS median
  FROM (${membersSql({ asOf, isOneStudent: false })}) m
  LEFT JOIN (
    SELECT course_id, user_id, count(*) AS active_days
    FROM activity_days
    WHERE course_id = ANY($1::bigint[])
      AND day BETWEEN ${today(asOf)} - 13 AND ${today(asOf)}
      AND first_at <= ${asOf}
    GROUP BY 1, 2
  ) d USING (course_id, user_id)
  GROUP BY 1`;
