import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * How many tutor sessions are open is kept, as the other totals are. Many are never ended, so that even their own index grew
 * with all that ever were: of a million, counting took 60 to 200 ms.
 */
export class OpenSessions1770000018000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    // The triggers keep writers of sessions out until the end: what is counted then is not counted by them.
    await queryRunner.query(`
      CREATE FUNCTION system_counters_from_open_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE difference bigint := 0;
      BEGIN
        IF TG_OP <> 'DELETE' THEN
          difference := difference + (SELECT count(*) FROM new_rows WHERE ended_at IS NULL);
        END IF;
        IF TG_OP <> 'INSERT' THEN
          difference := difference - (SELECT count(*) FROM old_rows WHERE ended_at IS NULL);
        END IF;
        PERFORM system_counter_add('tutor_sessions:open', difference);
        RETURN NULL;
      END $$;
      CREATE TRIGGER open_sessions_inserted AFTER INSERT ON tutor_sessions REFERENCING NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION system_counters_from_open_sessions();
      CREATE TRIGGER open_sessions_updated AFTER UPDATE ON tutor_sessions
        REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
        FOR EACH STATEMENT EXECUTE FUNCTION system_counters_from_open_sessions();
      CREATE TRIGGER open_sessions_deleted AFTER DELETE ON tutor_sessions REFERENCING OLD TABLE AS old_rows
        FOR EACH STATEMENT EXECUTE FUNCTION system_counters_from_open_sessions();
      SELECT system_counter_add('tutor_sessions:open', (SELECT count(*) FROM tutor_sessions WHERE ended_at IS NULL));
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TRIGGER open_sessions_inserted ON tutor_sessions;
      DROP TRIGGER open_sessions_updated ON tutor_sessions;
      DROP TRIGGER open_sessions_deleted ON tutor_sessions;
      DROP FUNCTION system_counters_from_open_sessions;
      DELETE FROM system_counters WHERE name = 'tutor_sessions:open';
    `);
  }
}
