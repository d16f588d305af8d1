import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When somebody handed a submission in here: an import leaves those alone. */
export class SubmissionsTold1770000020000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE submissions ADD told_at timestamptz');
    // Also for processes that do not know of it yet.
    await queryRunner.query('ALTER TABLE submissions ALTER told_at SET DEFAULT now()');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE submissions DROP told_at');
  }
}
