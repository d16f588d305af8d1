import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who is deleted has no name and no address any more, and whoever is new may have the address. */
export class ForgetDeleted1770000005000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      UPDATE users SET email = NULL, full_name = NULL
      WHERE deleted_at IS NOT NULL AND (email IS NOT NULL OR full_name IS NOT NULL);

      -- Answers that are kept for repeated requests.
      WITH of_people AS MATERIALIZED (
        SELECT scope, key, (response #>> '{}')::jsonb AS answer FROM idempotency_keys WHERE scope LIKE '% POST %/users {}')
      DELETE FROM idempotency_keys k USING of_people o, users u
      WHERE k.scope = o.scope AND k.key = o.key AND o.answer ->> 'user_id' = u.code AND u.deleted_at IS NOT NULL;
    `);
  }

  async down(): Promise<void> {
    // What is forgotten does not come back.
  }
}
