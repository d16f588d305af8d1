import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A course records what its students do since the first event of one of them. Until now those of others were its beginning,
 * too, such as the clicks of a teacher in a stream that holds them all.
 */
export class FirstTraceOfStudents1770000013000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(withoutWriters);
    await queryRunner.query(firstTracesFromEvents(ofStudents));
    await queryRunner.query(firstTracesAnew(ofStudents, 'n.occurred_at = k.first_trace_at'));
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(withoutWriters);
    await queryRunner.query(firstTracesFromEvents(''));
    await queryRunner.query(firstTracesAnew('', `n.occurred_at < coalesce(k.first_trace_at, 'infinity')`));
  }
}

/** Who wrote meanwhile would note a first trace by the rule of before, or by one that is about to change. */
const withoutWriters = 'LOCK TABLE events, tutor_sessions IN SHARE MODE';

const verbs = `('viewed', 'opened', 'attempted', 'submitted', 'passed', 'failed', 'asked', 'received_hint', 'completed',
  'logged_in', 'logged_out')`;

const isStudent = `e.role = 'student'`;
const ofStudents = `JOIN enrollments e ON e.user_id = n.user_id AND e.course_id = n.course_id AND ${isStudent}`;

/** Only what is earlier than what is known is looked up, so that it costs nothing once a course is under way. */
const firstTracesFromEvents = (counted: string): string => `
  CREATE OR REPLACE FUNCTION first_traces_from_events() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM FROM courses c
    WHERE c.id IN (
      SELECT n.course_id
      FROM new_rows n JOIN courses known ON known.id = n.course_id
        AND (known.first_trace_at IS NULL OR known.first_trace_at > n.occurred_at) ${counted}
      WHERE n.verb IN ${verbs})
    ORDER BY c.id FOR NO KEY UPDATE OF c;
    IF FOUND THEN
      UPDATE courses c SET first_trace_at = least(c.first_trace_at, first.at)
      FROM (SELECT n.course_id, min(n.occurred_at) AS at FROM new_rows n ${counted} WHERE n.verb IN ${verbs} GROUP BY 1) first
      WHERE first.course_id = c.id AND (c.first_trace_at IS NULL OR c.first_trace_at > first.at);
    END IF;
    RETURN NULL;
  END $$`;

/**
 * What was kept of before lasts for up to an hour.
 *
 * @param concerned  events, in `n`, of others that tell a course `k` for which it may be another one: looked up in an index
 */
const firstTracesAnew = (counted: string, concerned: string): string => `
  WITH changed AS (
    UPDATE courses c SET first_trace_at = traces.at
    FROM (
      SELECT k.id, least(
        (SELECT min(n.occurred_at) FROM events n ${counted} WHERE n.course_id = k.id AND n.verb IN ${verbs}),
        (SELECT min(t.started_at) FROM tutor_sessions t WHERE t.course_id = k.id)) AS at
      FROM courses k
      WHERE EXISTS (SELECT FROM events n WHERE n.course_id = k.id AND ${concerned} AND n.verb IN ${verbs} AND NOT EXISTS (
        SELECT FROM enrollments e WHERE e.user_id = n.user_id AND e.course_id = n.course_id AND ${isStudent}))) traces
    WHERE traces.id = c.id AND c.first_trace_at IS DISTINCT FROM traces.at
    RETURNING 1)
  INSERT INTO cache_outbox (tags) SELECT '{epoch}' FROM changed LIMIT 1`;
