import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Of who is deleted no personal traits are kept either. */
export class ForgetTraits1770000014000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DELETE FROM student_demographics d USING enrollments e, users u
      WHERE d.enrollment_id = e.id AND e.user_id = u.id AND u.deleted_at IS NOT NULL`);
  }

  async down(): Promise<void> {
    // What is forgotten does not come back.
  }
}
