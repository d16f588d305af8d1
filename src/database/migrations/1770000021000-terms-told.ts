import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Since when somebody has said here when a course ends, or when a piece of work is due and how much it weighs: an import leaves
 * that alone. Who said what is there already nobody knows any more.
 */
export class TermsTold1770000021000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const [table, column] of columns) {
      await queryRunner.query(`ALTER TABLE ${table} ADD ${column} timestamptz`);
      // Also for processes that do not know of it yet; only imports tell that nobody has said it.
      await queryRunner.query(`ALTER TABLE ${table} ALTER ${column} SET DEFAULT now()`);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const [table, column] of columns) await queryRunner.query(`ALTER TABLE ${table} DROP ${column}`);
  }
}

const columns = [
  ['courses', 'end_told_at'],
  ['activities', 'terms_told_at'],
] as const;
