import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Every attempt keeps the due date that it was handed in under; those that were imported had none of their own. */
export class DueWhenHandedIn1770000004000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      UPDATE submissions s SET due_at_effective = a.due_at
      FROM activities a WHERE a.id = s.activity_id AND s.due_at_effective IS NULL AND a.due_at IS NOT NULL
    `);
  }

  async down(): Promise<void> {
    // What was filled in says what was read before.
  }
}
