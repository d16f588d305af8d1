import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The first enrollments in a course, for its list. */
export class EnrollmentsOfCourses1770000017000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('CREATE INDEX enrollments_course_first ON enrollments (course_id, id)');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP INDEX enrollments_course_first');
  }
}
