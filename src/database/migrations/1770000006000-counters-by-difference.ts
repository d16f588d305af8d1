import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A change to users counts by what it comes to. Until now it took one from the counter of their role and gave one to it, so
 * that who renamed a user held a row of the counters, and kept others from renaming theirs, until the commit.
 */
export class CountersByDifference1770000006000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE OR REPLACE FUNCTION system_counters_from_users() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE counted text; difference bigint;
      BEGIN
        FOREACH counted IN ARRAY ARRAY['student', 'teacher', 'admin'] LOOP
          difference := 0;
          IF TG_OP <> 'DELETE' THEN
            difference := difference + (SELECT count(*) FROM new_rows WHERE role = counted AND deleted_at IS NULL);
          END IF;
          IF TG_OP <> 'INSERT' THEN
            difference := difference - (SELECT count(*) FROM old_rows WHERE role = counted AND deleted_at IS NULL);
          END IF;
          PERFORM system_counter_add('users:' || counted, difference);
        END LOOP;
        RETURN NULL;
      END $$`);
  }

  async down(): Promise<void> {
    // The earlier form counts the same.
  }
}
