import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What was invalidated can be asked for also while Redis is away: by the transaction that committed it, for a minute after it
 * was settled.
 */
export class FollowedOutbox1770000023000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    // Writers wait from the third statement on. Its default has one value for all rows there are, so nothing is rewritten.
    await queryRunner.query(`
      CREATE TABLE cache_settled (
        tags text[] NOT NULL,
        namespace text,
        committed_in xid8 NOT NULL DEFAULT pg_current_xact_id()
      );
      CREATE INDEX cache_settled_committed_in ON cache_settled (committed_in);
      ALTER TABLE cache_outbox ADD COLUMN committed_in xid8 NOT NULL DEFAULT pg_current_xact_id();
      CREATE INDEX cache_outbox_committed_in ON cache_outbox (committed_in);
      CREATE FUNCTION keep_settled() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO cache_settled (tags, namespace) SELECT tags, namespace FROM gone;
        RETURN NULL;
      END $$ SET search_path FROM CURRENT;
      CREATE TRIGGER keep_settled AFTER DELETE ON cache_outbox REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION keep_settled();
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TRIGGER keep_settled ON cache_outbox;
      DROP FUNCTION keep_settled;
      DROP TABLE cache_settled;
      ALTER TABLE cache_outbox DROP COLUMN committed_in;
    `);
  }
}
