import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who is forgotten is looked for among the answers that tell of people, however many others are kept. */
export class ForgetPeopleSoon1770000010000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE INDEX idempotency_keys_of_people ON idempotency_keys (scope, key) WHERE scope LIKE '% POST %/users {}'`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP INDEX idempotency_keys_of_people');
  }
}
