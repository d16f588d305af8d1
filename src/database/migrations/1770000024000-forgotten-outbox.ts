import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whoever has not asked for a long time, as on a machine that was suspended, learns from one row what it has missed. */
export class ForgottenOutbox1770000024000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE cache_forgotten (
        server text,
        snapshot pg_snapshot
      );
      INSERT INTO cache_forgotten DEFAULT VALUES;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE cache_forgotten');
  }
}
