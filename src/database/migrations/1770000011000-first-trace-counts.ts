import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A course records what its students do since its first event that counts as activity, or its first tutor session. Until
 * now events of any verb were the beginning, though they show of nobody that they were there.
 */
export class FirstTraceCounts1770000011000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(withoutWriters);
    await queryRunner.query(firstTracesFromEvents(`WHERE verb IN ${verbs}`));
    await queryRunner.query(
      invalidatingEverything(`
        UPDATE courses c SET first_trace_at = least(
          (SELECT min(occurred_at) FROM events e WHERE e.course_id = c.id AND e.verb IN ${verbs}),
          (SELECT min(started_at) FROM tutor_sessions t WHERE t.course_id = c.id))
        WHERE EXISTS (SELECT FROM events e WHERE e.course_id = c.id AND e.verb NOT IN ${verbs}
          AND e.occurred_at = c.first_trace_at)`),
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(withoutWriters);
    await queryRunner.query(firstTracesFromEvents(''));
    await queryRunner.query(
      invalidatingEverything(`
        UPDATE courses c SET first_trace_at = least(
          (SELECT min(occurred_at) FROM events e WHERE e.course_id = c.id),
          (SELECT min(started_at) FROM tutor_sessions t WHERE t.course_id = c.id))
        WHERE EXISTS (SELECT FROM events e WHERE e.course_id = c.id AND e.verb NOT IN ${verbs})`),
    );
  }
}

/** Who wrote meanwhile would note a first trace by the rule of before, or by one that is about to change. */
const withoutWriters = 'LOCK TABLE events, tutor_sessions IN SHARE MODE';

/** What was kept of before lasts for up to an hour. */
const invalidatingEverything = (update: string): string =>
  `WITH changed AS (${update} RETURNING 1) INSERT INTO cache_outbox (tags) SELECT '{epoch}' FROM changed LIMIT 1`;

const verbs = `('viewed', 'opened', 'attempted', 'submitted', 'passed', 'failed', 'asked', 'received_hint', 'completed',
  'logged_in', 'logged_out')`;

const firstTracesFromEvents = (counted: string): string => `
  CREATE OR REPLACE FUNCTION first_traces_from_events() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM FROM courses c
    JOIN (SELECT course_id, min(occurred_at) AS at FROM new_rows ${counted} GROUP BY 1) n ON n.course_id = c.id
    WHERE c.first_trace_at IS NULL OR c.first_trace_at > n.at
    ORDER BY c.id FOR NO KEY UPDATE OF c;
    IF FOUND THEN
      UPDATE courses c SET first_trace_at = least(c.first_trace_at, n.at)
      FROM (SELECT course_id, min(occurred_at) AS at FROM new_rows ${counted} GROUP BY 1) n
      WHERE n.course_id = c.id AND (c.first_trace_at IS NULL OR c.first_trace_at > n.at);
    END IF;
    RETURN NULL;
  END $$`;
