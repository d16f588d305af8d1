import { endedAtSql } from '../../records/enrollments/enrollment-end.sql.js';

/** What a student of a course did, as far as their peers are compared with it. */
export interface PeerRow {
  /** ms since 1970 */
  from: number;
  /** ms since 1970; `null` while the enrollment lasts */
  until: number | null;
  /** active days (UTC) by week, four bits each, the first week in the lowest; `null` without any */
  weeks: number | null;
  /** active days of the last 14; `null` without any */
  recent: number | null;
}

/**
 * The students of a course with their active days in twelve ISO weeks and in the 14 days up to a moment, as `{ peers }`.
 * `$1` the course, `$2` the moment, `$3` the first Monday, `$4` the day of the moment.
 *
 * One scan serves every end of a week among them, because two weeks are 14 days.
 */
export const peerActivitySql = `
  WITH days AS (
    SELECT user_id, sum((1::bigint << 4 * ((day - $3::date) / 7))::float8) AS weeks,
      count(*) FILTER (WHERE day > $4::date - 14) AS recent
    FROM activity_days
    WHERE course_id = $1 AND day BETWEEN $3::date AND $4::date AND first_at <= $2::timestamptz
    GROUP BY user_id
  ),
  enrolled AS (
    SELECT e.user_id, e.enrolled_at, least(${endedAtSql}, u.deleted_at) AS ended_at
    FROM courses c
    JOIN enrollments e ON e.course_id = c.id AND e.role = 'student'
    JOIN users u ON u.id = e.user_id
    WHERE c.id = $1
  ),
  peers AS (
    SELECT date_part('epoch', enrolled_at) * 1000 AS from,
      CASE WHEN ended_at < 'infinity' THEN date_part('epoch', ended_at) * 1000 END AS until, weeks, recent
    FROM enrolled LEFT JOIN days USING (user_id)
    WHERE ended_at > '-infinity'
  )
  SELECT json_agg(p) AS peers FROM peers p`;
