import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What the analytics need to answer a miss in time: the messages of students counted by session, the days of
 * activity of a course in one index, and since when a course records what its students do.
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
    await queryRunner.query(`
      ALTER TABLE courses ADD first_trace_at timestamptz;
      UPDATE courses c SET first_trace_at = least(
        (SELECT min(occurred_at) FROM events e WHERE e.course_id = c.id),
        (SELECT min(started_at) FROM tutor_sessions t WHERE t.course_id = c.id));
    `);
    await queryRunner.query(noteFirstTraces('events', 'occurred_at'));
    await queryRunner.query(noteFirstTraces('tutor_sessions', 'started_at'));
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TRIGGER first_traces ON events;
      DROP TRIGGER first_traces ON tutor_sessions;
      DROP FUNCTION first_traces_from_events, first_traces_from_tutor_sessions;
      ALTER TABLE courses DROP first_trace_at;
    `);
    await queryRunner.query(`
      DROP INDEX activity_days_course;
      CREATE INDEX activity_days_course ON activity_days (course_id, day);
    `);
    await queryRunner.query(countMessages(''));
    await queryRunner.query('ALTER TABLE tutor_sessions DROP student_message_count');
  }
}

// The time of a course's first event or tutor session. Rows are locked in the order of their ids, and only when there is
// something to note, so that writers neither wait for each other nor deadlock once a course is under way.
const noteFirstTraces = (table: string, moment: string): string => `
  CREATE FUNCTION first_traces_from_${table}() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM FROM courses c JOIN (SELECT course_id, min(${moment}) AS at FROM new_rows GROUP BY 1) n ON n.course_id = c.id
    WHERE c.first_trace_at IS NULL OR c.first_trace_at > n.at
    ORDER BY c.id FOR NO KEY UPDATE OF c;
    IF FOUND THEN
      UPDATE courses c SET first_trace_at = least(c.first_trace_at, n.at)
      FROM (SELECT course_id, min(${moment}) AS at FROM new_rows GROUP BY 1) n
      WHERE n.course_id = c.id AND (c.first_trace_at IS NULL OR c.first_trace_at > n.at);
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER first_traces AFTER INSERT ON ${table} REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION first_traces_from_${table}();`;

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
