import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Of who is deleted no personal traits are kept either, whoever deletes them, such as an older version of the service. */
export class ForgetTraits1770000014000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE FUNCTION forget_traits() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        DELETE FROM student_demographics d USING enrollments e
        WHERE d.enrollment_id = e.id AND e.user_id = NEW.id;
        RETURN NULL;
      END $$`);
    await queryRunner.query(`
      CREATE TRIGGER users_forget_traits AFTER UPDATE OF deleted_at ON users
      FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION forget_traits()`);
    await queryRunner.query(`
      DELETE FROM student_demographics d USING enrollments e, users u
      WHERE d.enrollment_id = e.id AND e.user_id = u.id AND u.deleted_at IS NOT NULL`);
  }

  /** What is forgotten does not come back. */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TRIGGER users_forget_traits ON users');
    await queryRunner.query('DROP FUNCTION forget_traits()');
  }
}
