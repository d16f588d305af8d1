import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The newest submissions and the first enrollments by the times of what happened, of all and of some activities and courses: an
 * import brings what is old last. The indexes by id stay, for processes of an older version list by them.
 */
export class ListsByTime1770000022000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    // Who waits for the second table with the first one built would build that anew.
    await queryRunner.query(`
      LOCK TABLE enrollments, submissions IN SHARE MODE;
      CREATE INDEX submissions_by_time ON submissions (submitted_at, id);
      CREATE INDEX submissions_activity_by_time ON submissions (activity_id, submitted_at, id);
      CREATE INDEX enrollments_by_time ON enrollments (enrolled_at, id);
      CREATE INDEX enrollments_course_by_time ON enrollments (course_id, enrolled_at, id);
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP INDEX submissions_by_time, submissions_activity_by_time, enrollments_by_time, enrollments_course_by_time
    `);
  }
}
