import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Applications with a namespace each may share a database: each carries out its own rows. One without is anybody's. */
export class OutboxNamespace1770000008000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE cache_outbox ADD COLUMN namespace text');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE cache_outbox DROP COLUMN namespace');
  }
}
