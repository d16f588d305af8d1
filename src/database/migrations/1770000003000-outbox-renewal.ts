import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A row of the outbox counts as abandoned by the time its owner last renewed it, not by its age. */
export class OutboxRenewal1770000003000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE cache_outbox RENAME COLUMN created_at TO renewed_at');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE cache_outbox RENAME COLUMN renewed_at TO created_at');
  }
}
