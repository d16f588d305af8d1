import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Hints are what the tutor gives: what a student calls one is a message like any other. */
export class HintsOfTheTutor1770000012000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(withoutWriters);
    await queryRunner.query(countMessages(`kind = 'hint' AND sender = 'tutor'`));
    await queryRunner.query(recount(`kind = 'hint' AND sender = 'tutor'`));
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(withoutWriters);
    await queryRunner.query(countMessages(`kind = 'hint'`));
    await queryRunner.query(recount(`kind = 'hint'`));
  }
}

/** What was written meanwhile would be counted by the rule of before, or twice, or not at all. */
const withoutWriters = 'LOCK TABLE tutor_messages IN SHARE MODE';

/** Of sessions in which a student has said so; what was kept of before goes. */
const recount = (counted: string): string => `
  WITH changed AS (
    UPDATE tutor_sessions s
    SET hint_count = (SELECT count(*) FROM tutor_messages m WHERE m.session_id = s.id AND ${counted})
    WHERE s.id IN (SELECT session_id FROM tutor_messages WHERE kind = 'hint' AND sender = 'student')
    RETURNING 1)
  INSERT INTO cache_outbox (tags) SELECT '{epoch}' FROM changed LIMIT 1`;

const countMessages = (hint: string): string => `
  CREATE OR REPLACE FUNCTION activity_days_from_messages() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    UPDATE tutor_sessions s SET
      message_count = s.message_count + m.messages,
      hint_count = s.hint_count + m.hints,
      student_message_count = s.student_message_count + m.from_student,
      last_event_at = greatest(s.last_event_at, m.last_at)
    FROM (SELECT session_id, count(*) AS messages, count(*) FILTER (WHERE ${hint}) AS hints,
            count(*) FILTER (WHERE sender = 'student') AS from_student, max(sent_at) AS last_at
          FROM new_rows GROUP BY session_id) m
    WHERE s.id = m.session_id;

    INSERT INTO activity_days (user_id, course_id, day, first_at, last_at)
    SELECT s.user_id, s.course_id, (m.sent_at AT TIME ZONE 'UTC')::date, min(m.sent_at), max(m.sent_at)
    FROM new_rows m JOIN tutor_sessions s ON s.id = m.session_id
    WHERE m.sender = 'student'
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (user_id, course_id, day) DO UPDATE SET
      events = activity_days.events + excluded.events,
      quantity = activity_days.quantity + excluded.quantity,
      minutes = activity_days.minutes + excluded.minutes,
      first_at = least(activity_days.first_at, excluded.first_at),
      last_at = greatest(activity_days.last_at, excluded.last_at);
    RETURN NULL;
  END $$`;
