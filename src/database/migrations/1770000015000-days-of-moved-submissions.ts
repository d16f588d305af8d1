import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A submission that is moved to another day, or turns out to be banked or not, moves the activity of its student. Until now
 * only new ones told of a day, while an import of corrected files changes those that are there.
 */
export class DaysOfMovedSubmissions1770000015000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE FUNCTION activity_days_from_submission_changes() RETURNS trigger LANGUAGE plpgsql AS $$
      ${daysAnew(movedDays)}
        RETURN NULL;
      END $$;
      CREATE TRIGGER activity_days_changes AFTER UPDATE ON submissions
        REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
        FOR EACH STATEMENT EXECUTE FUNCTION activity_days_from_submission_changes();
    `);
    // The trigger keeps writers of submissions out until the end: none is moved meanwhile.
    await queryRunner.query(`
      DO $$
      ${daysAnew(wrongDays)}
        IF user_ids IS NOT NULL THEN
          INSERT INTO cache_outbox (tags) VALUES ('{epoch}');
        END IF;
      END $$`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TRIGGER activity_days_changes ON submissions;
      DROP FUNCTION activity_days_from_submission_changes;
    `);
  }
}

const dayOf = (moment: string): string => `(${moment} AT TIME ZONE 'UTC')::date`;

/** The days that a statement took submissions from, and those that it moved them to. Who voids a banked one does nothing. */
const movedDays = `
  SELECT m.user_id, a.course_id, ${dayOf('m.submitted_at')} AS day
  FROM new_rows n JOIN old_rows o ON o.id = n.id,
    LATERAL (VALUES (o.user_id, o.activity_id, o.submitted_at), (n.user_id, n.activity_id, n.submitted_at))
      AS m(user_id, activity_id, submitted_at)
    JOIN activities a ON a.id = m.activity_id
  WHERE (n.user_id, n.activity_id, n.submitted_at) IS DISTINCT FROM (o.user_id, o.activity_id, o.submitted_at)
    OR (n.status = 'banked') <> (o.status = 'banked') AND n.status <> 'voided'`;

/** What imports of corrected files have left: submissions on no day, and days on which nothing was done. */
const wrongDays = `
  SELECT s.user_id, a.course_id, ${dayOf('s.submitted_at')} AS day
  FROM submissions s JOIN activities a ON a.id = s.activity_id
  WHERE a.code LIKE 'oulad-a-%' AND s.status <> 'banked' AND NOT EXISTS (
    SELECT FROM activity_days d
    WHERE d.user_id = s.user_id AND d.course_id = a.course_id AND d.day = ${dayOf('s.submitted_at')}
      AND s.submitted_at BETWEEN d.first_at AND d.last_at)
  UNION ALL
  SELECT d.user_id, d.course_id, d.day
  FROM activity_days d
  WHERE d.events = 0 AND d.course_id IN (SELECT course_id FROM activities WHERE code LIKE 'oulad-a-%') AND NOT EXISTS (
    SELECT FROM submissions s JOIN activities a ON a.id = s.activity_id
    WHERE s.user_id = d.user_id AND a.course_id = d.course_id AND s.status <> 'banked'
      AND ${dayOf('s.submitted_at')} = d.day)`;

/**
 * The first and last moment of some days, from all that was done on them. Submissions count for nothing else. Whoever adds to
 * one of these days has committed before it is looked at, or adds to what is found; in the order of the keys, as everybody
 * does it.
 *
 * @param days  selects `user_id`, `course_id`, `day`
 */
const daysAnew = (days: string): string => `
  DECLARE user_ids bigint[]; course_ids bigint[]; days date[];
  BEGIN
    SELECT array_agg(k.user_id), array_agg(k.course_id), array_agg(k.day) INTO user_ids, course_ids, days
    FROM (SELECT DISTINCT * FROM (${days}) AS concerned ORDER BY 1, 2, 3) k;

    IF user_ids IS NOT NULL THEN
      INSERT INTO activity_days (user_id, course_id, day, first_at, last_at)
      SELECT k.user_id, k.course_id, k.day, 'infinity', '-infinity'
      FROM unnest(user_ids, course_ids, days) AS k(user_id, course_id, day) ORDER BY 1, 2, 3
      ON CONFLICT (user_id, course_id, day) DO UPDATE SET events = activity_days.events;

      UPDATE activity_days d SET first_at = done.first_at, last_at = done.last_at
      FROM (SELECT k.*, k.day::timestamp AT TIME ZONE 'UTC' AS from_at, (k.day + 1)::timestamp AT TIME ZONE 'UTC' AS to_at
            FROM unnest(user_ids, course_ids, days) AS k(user_id, course_id, day)) k,
        LATERAL (
          SELECT coalesce(min(at), 'infinity') AS first_at, coalesce(max(at), '-infinity') AS last_at
          FROM (
            SELECT occurred_at AS at FROM events e
            WHERE e.course_id = k.course_id AND e.user_id = k.user_id
              AND e.verb IN ('viewed', 'opened', 'attempted', 'submitted', 'passed', 'failed', 'asked', 'received_hint',
                             'completed', 'logged_in', 'logged_out')
              AND e.occurred_at >= k.from_at AND e.occurred_at < k.to_at
            UNION ALL
            SELECT s.submitted_at FROM submissions s JOIN activities a ON a.id = s.activity_id
            WHERE s.user_id = k.user_id AND a.course_id = k.course_id AND s.status <> 'banked'
              AND s.submitted_at >= k.from_at AND s.submitted_at < k.to_at
            UNION ALL
            SELECT t.started_at FROM tutor_sessions t
            WHERE t.user_id = k.user_id AND t.course_id = k.course_id
              AND t.started_at >= k.from_at AND t.started_at < k.to_at
            UNION ALL
            SELECT m.sent_at FROM tutor_sessions t JOIN tutor_messages m ON m.session_id = t.id
            WHERE t.user_id = k.user_id AND t.course_id = k.course_id AND m.sender = 'student'
              AND m.sent_at >= k.from_at AND m.sent_at < k.to_at
          ) AS moments) done
      WHERE d.user_id = k.user_id AND d.course_id = k.course_id AND d.day = k.day;

      DELETE FROM activity_days d USING unnest(user_ids, course_ids, days) AS k(user_id, course_id, day)
      WHERE d.user_id = k.user_id AND d.course_id = k.course_id AND d.day = k.day AND d.first_at = 'infinity';
    END IF;
`;
