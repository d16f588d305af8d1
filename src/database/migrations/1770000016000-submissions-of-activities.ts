import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The newest submissions to an activity, for the lists of a course and of whoever teaches some. */
export class SubmissionsOfActivities1770000016000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('CREATE INDEX submissions_activity_newest ON submissions (activity_id, id)');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP INDEX submissions_activity_newest');
  }
}
