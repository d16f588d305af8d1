import { ofStudent, oneStudent, type Scope } from './scope.js';

const minutes = 'sum(greatest(0, until - greatest(since, covered_until))) / 60';

/**
 * What each student did with the tutor, as `{ course_id, user_id, sessions, minutes, messages, student_messages, hints }`;
 * students without sessions have no row. A session counts at most 240 minutes, and time covered by two sessions of a
 * student in a course counts once.
 */
export const tutoringSql = (scope: Scope): string => `
    SELECT course_id, user_id, count(*) AS sessions, ${minutes} AS minutes,
      sum(messages) AS messages, sum(student_messages) AS student_messages, sum(hints) AS hints
    FROM ${piecesSql(scope, 'user_id, course_id')}
    GROUP BY user_id, course_id`;

/** The same minutes of one student, as `{ minutes }`: time covered by sessions in two of the courses counts once, too. */
export const minutesAcrossCoursesSql = `
    SELECT coalesce(${minutes}, 0) AS minutes FROM ${piecesSql(oneStudent, 'user_id')}`;

/** The sessions, each with the end of those before it that are of the same `owner`. */
function piecesSql(scope: Scope, owner: string): string {
  const { asOf } = scope;
  // The counts of a session that went on after the moment know too much.
  const heard = `tutor_messages g WHERE g.session_id = t.id AND g.sent_at <= ${asOf}`;
  const hasEnded = `t.last_event_at <= ${asOf}`;
  const counted = (column: string, kind = '') =>
    `CASE WHEN ${hasEnded} THEN t.${column} ELSE (SELECT count(*)::int FROM ${heard} ${kind}) END`;
  return `(
      SELECT *, max(until) OVER (PARTITION BY ${owner} ORDER BY since
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered_until
      FROM (
        SELECT course_id, user_id, date_part('epoch', started_at) AS since,
          least(date_part('epoch', started_at) + 240 * 60, date_part('epoch',
            CASE WHEN t.ended_at <= ${asOf} THEN t.ended_at
                 WHEN ${hasEnded} THEN t.last_event_at
                 ELSE coalesce((SELECT max(g.sent_at) FROM ${heard}), t.started_at) END)) AS until,
          ${counted('message_count')} AS messages,
          ${counted('student_message_count', "AND g.sender = 'student'")} AS student_messages,
          ${counted('hint_count', "AND g.kind = 'hint' AND g.sender = 'tutor'")} AS hints
        FROM tutor_sessions t
        WHERE course_id = ANY($1::bigint[]) ${ofStudent('user_id', scope)} AND started_at <= ${asOf}
        -- Else the order of the window leads to an index that holds the sessions of all courses.
        OFFSET 0
      ) session
    ) piece`;
}
