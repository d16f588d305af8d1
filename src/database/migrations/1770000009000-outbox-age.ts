import type { MigrationInterface, QueryRunner } from 'typeorm';

/** For how long a row has waited, also one that its owner has renewed meanwhile, or given up. */
export class OutboxAge1770000009000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    // One value for all rows there are, as a default that differs from row to row would rewrite the table.
    await queryRunner.query(
      'ALTER TABLE cache_outbox ADD COLUMN written_at timestamptz NOT NULL DEFAULT now()',
    );
    await queryRunner.query('ALTER TABLE cache_outbox ALTER COLUMN written_at SET DEFAULT clock_timestamp()');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE cache_outbox DROP COLUMN written_at');
  }
}
