import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What the analytics need to answer a miss in time: the messages of students counted by session, and the days of
 * activity of a course in one index.
 */
export class AnalyticsIndexes1770000001000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE tutor_sessions ADD student_message_count integer NOT NULL DEFAULT 0;
      UPDATE tutor_sessions s SET student_message_count = m.messages
      FROM (SELECT session_id, count(*) AS messages FROM tutor_messages WHERE sender = 'student' GROUP BY session_id) m
      WHERE s.id = m.session_id;
    `);
    await queryRunner.query(
      countMessages(', student_message_count = s.student_message_count + m.from_student'),
    );
    await queryRunner.query(`
      DROP INDEX activity_days_course;
      CREATE INDEX activity_days_course ON activity_days (course_id, day) INCLUDE (user_id, first_at, last_at);
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP INDEX activity_days_course;
      CREATE INDEX activity_days_course ON activity_days (course_id, day);
    `);
    await queryRunner.query(countMessages(''));
    await queryRunner.query('ALTER TABLE tutor_sessions DROP student_message_count');
  }
}

// The function of the initial schema with one more column; replacing it keeps its trigger.
const countMessages = (moreCounts: string): string => `
  CREATE OR REPLACE FUNCTION activity_days_from_messages() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    UPDATE tutor_sessions s SET
      message_count = s.message_count + m.messages,
      hint_count = s.hint_count + m.hints,
      last_event_at = greatest(s.last_event_at, m.last_at)${moreCounts}
    FROM (SELECT session_id, count(*) AS messages, count(*) FILTER (WHERE kind = 'hint') AS hints,
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
