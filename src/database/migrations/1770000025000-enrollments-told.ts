import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When somebody enrolled a person here: an import takes none of them away, nor says that they joined at another time. */
export class EnrollmentsTold1770000025000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE enrollments ADD told_at timestamptz');
    // Also for processes that do not know of it yet; only imports tell that nobody has said it.
    await queryRunner.query('ALTER TABLE enrollments ALTER told_at SET DEFAULT now()');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE enrollments DROP told_at');
  }
}
