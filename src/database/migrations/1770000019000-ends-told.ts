import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Since when somebody has said how an enrollment ended, or that it goes on: an import leaves that alone. Who said what is there
 * already nobody knows any more.
 */
export class EndsTold1770000019000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE enrollments ADD end_told_at timestamptz');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE enrollments DROP end_told_at');
  }
}
