import type { MigrationInterface, QueryRunner } from 'typeorm';

export class OuladImport1770000002000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      -- Records that lie after the day an import stops at; with the other counts, how far a file is read.
      ALTER TABLE import_batches ADD rows_later integer NOT NULL DEFAULT 0;

      -- Only filled on request, for checks of fairness. No measure may read it.
      CREATE TABLE student_demographics (
        enrollment_id bigint PRIMARY KEY REFERENCES enrollments ON DELETE CASCADE,
        gender text,
        region text,
        highest_education text,
        imd_band text,
        age_band text,
        disability text
      );
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TABLE student_demographics;
      ALTER TABLE import_batches DROP rows_later;
    `);
  }
}
