import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who is deleted has no name and no address any more, and whoever is new may have the address. */
export class ForgetDeleted1770000005000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      UPDATE users SET email = NULL, full_name = NULL
      WHERE deleted_at IS NOT NULL AND (email IS NOT NULL OR full_name IS NOT NULL);

      -- Answers that are kept for repeated requests.
      DELETE FROM idempotency_keys USING users
      WHERE deleted_at IS NOT NULL AND (response #>> '{}')::jsonb ->> 'user_id' = code
        AND (response #>> '{}')::jsonb ? 'email';
    `);
  }

  async down(): Promise<void> {
    // What is forgotten does not come back.
  }
}
