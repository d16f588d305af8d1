import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What somebody does in a day may be more than an integer holds: then no further event of that day could be stored. */
export class ManyClicksADay1770000007000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE activity_days ALTER COLUMN quantity TYPE bigint`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `ALTER TABLE activity_days ALTER COLUMN quantity TYPE integer USING least(quantity, 2147483647)`,
    );
  }
}
