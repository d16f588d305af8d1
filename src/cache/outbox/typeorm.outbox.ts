import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import type { Clock } from '../engine/clock.js';
import { EPOCH } from '../engine/tags.js';
import type { Outbox, OutboxNews, OutboxRow } from './outbox.js';
import { ABANDONED_AFTER_MS } from './outbox-relay.js';
import { MAX_ROWS_A_ROUND, relayedTags } from './relayed-tags.js';
import { PoolBypass } from './typeorm.bypass.js';
import { FollowedRows } from './typeorm.followed.js';
import { watchTransactions } from './typeorm.transactions.js';
import { outsideUnits } from './unit-of-work.js';

const MAX_COMMITTED = 500;
/** Those that nobody has renewed. Also those dated ahead: the database's clock was set back, and nobody knows how old they are. */
const FROM_ABANDONED =
  `FROM cache_outbox WHERE (renewed_at < clock_timestamp() - $1 * interval '1 millisecond' ` +
  `OR renewed_at > clock_timestamp() + interval '1 second') AND (namespace = $2 OR namespace IS NULL)`;

/**
 * Not flushed to disk before it is acknowledged, since a writer waits for it. It is seen at once all the same; and after a crash
 * that loses it, those who follow take the server for another one, and believe nothing of before.
 */
const ANNOUNCE =
  `WITH unflushed AS (SELECT set_config('synchronous_commit', 'off', true)) ` +
  'INSERT INTO cache_settled (tags, namespace) SELECT $1::text[], $2::text FROM unflushed';
const SETTLE = 'DELETE FROM cache_outbox WHERE id = ANY($1::bigint[])';

export interface TypeormOutboxOptions {
  /**
   * Receives the method that wrote outside a transaction: such a write leaves no row, so a crash right after it leaves
   * old answers until their TTL. Default: where `NODE_ENV` is `test` it throws `CACHE_WRITE_OUTSIDE_TRANSACTION`,
   * elsewhere Node prints a warning with that code, once for each method.
   */
  readonly onUnprotectedWrite?: (method: string) => void;
  /**
   * Whether processes may go by this outbox alone while they cannot ask the store. It promises that every invalidation of the
   * namespace goes through an outbox of which this is said, in every process, and it needs what
   * {@link TypeormOutbox.settledTable} makes. Default: `false`, and a row is gone once it is settled.
   */
  readonly followed?: boolean;
  /** For tests: says when it forgets what was settled. Default: the system's. */
  readonly clock?: Pick<Clock, 'monotonicMs'>;
}

/**
 * The outbox in the table `cache_outbox` of a PostgreSQL that is reached through TypeORM; {@link TypeormOutbox.table}
 * makes it. From when it is made it sees every transaction of the data source, also where no cache asks for it:
 * `dataSource.transaction`, repositories that save, and query runners driven by hand, also by `query('BEGIN')`. Nested
 * transactions count with the outermost.
 */
export class TypeormOutbox implements Outbox {
  /** The statement that makes its table, for a migration. A row without a namespace is for whoever takes it. */
  static readonly table = `CREATE TABLE cache_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tags text[] NOT NULL,
    renewed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    namespace text,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp()
  )`;

  /**
   * The statements that make what an outbox needs that is `followed`, beside {@link TypeormOutbox.table}. Rows that wait by then
   * count as committed by them. A trigger keeps settled rows, also those of programs that know nothing of it.
   */
  static readonly settledTable = `CREATE TABLE cache_settled (
    tags text[] NOT NULL,
    namespace text,
    committed_in xid8 NOT NULL DEFAULT pg_current_xact_id()
  );
  CREATE INDEX cache_settled_committed_in ON cache_settled (committed_in);
  CREATE TABLE cache_forgotten (
    server text,
    snapshot pg_snapshot
  );
  INSERT INTO cache_forgotten DEFAULT VALUES;
  ALTER TABLE cache_outbox ADD COLUMN committed_in xid8 NOT NULL DEFAULT pg_current_xact_id();
  CREATE INDEX cache_outbox_committed_in ON cache_outbox (committed_in);
  CREATE FUNCTION keep_settled() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO cache_settled (tags, namespace) SELECT tags, namespace FROM gone;
    RETURN NULL;
  END $$ SET search_path FROM CURRENT;
  CREATE TRIGGER keep_settled AFTER DELETE ON cache_outbox REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION keep_settled()`;

  /**
   * For a program that has no cache, and fills the tables of a service that has one: commits with its data that all is old.
   * Where several applications have a namespace each, it takes a row for each.
   */
  static readonly invalidateEverything = `INSERT INTO cache_outbox (tags) VALUES ('{${EPOCH}}')`;

  readonly #dataSource: DataSource;
  readonly #bypass: PoolBypass;
  readonly #followed: FollowedRows | undefined;
  #namespace = '';

  constructor(dataSource: DataSource, options: TypeormOutboxOptions = {}) {
    this.#dataSource = dataSource;
    this.#bypass = new PoolBypass(dataSource);
    this.#followed = options.followed ? new FollowedRows(this.#bypass, options.clock) : undefined;
    watchTransactions(dataSource, this, options.onUnprotectedWrite);
    warnOfReplicas(dataSource);
  }

  serve(namespace: string): void {
    this.#namespace = namespace;
  }

  get namespace(): string {
    return this.#namespace;
  }

  get isReady(): boolean {
    return this.#dataSource.isInitialized;
  }

  async settle(rows: readonly string[]): Promise<void> {
    await this.#bypass.run(SETTLE, [rows]);
  }

  async renew(rows: readonly string[]): Promise<void> {
    // What was asked for before the owner gave a row up may come after it.
    await this.#bypass.run(
      `UPDATE cache_outbox SET renewed_at = clock_timestamp() WHERE id = ANY($1::bigint[]) AND renewed_at <> '-infinity'`,
      [rows],
    );
  }

  async narrow(rows: readonly string[], tags: readonly string[]): Promise<boolean> {
    const again = this.isFollowed ? ', committed_in = DEFAULT' : '';
    const [found]: [{ id: string }[], number] = await this.#dataSource.query(
      `UPDATE cache_outbox SET tags = $2, renewed_at = '-infinity'${again} WHERE id = ANY($1::bigint[]) RETURNING id`,
      [rows, tags],
    );
    const isComplete = found.length === rows.length;
    // Nothing is left that would tell of what was written since the relay.
    if (!isComplete) await this.announce(tags);
    return isComplete;
  }

  async unsettled(rows: readonly string[]): Promise<readonly string[]> {
    const found: { id: string }[] = await this.#dataSource.query(
      'SELECT id FROM cache_outbox WHERE id = ANY($1::bigint[])',
      [rows],
    );
    return found.map(({ id }) => id);
  }

  async committed(): Promise<readonly OutboxRow[] | undefined> {
    const found: OutboxRow[] = await this.#dataSource.query(
      `SELECT id, tags FROM cache_outbox WHERE namespace = $1 OR namespace IS NULL LIMIT ${MAX_COMMITTED + 1}`,
      [this.#namespace],
    );
    return found.length > MAX_COMMITTED ? undefined : found;
  }

  async relay(
    olderThanMs: number,
    apply: (tags: readonly string[]) => Promise<boolean>,
  ): Promise<number | 'held'> {
    try {
      return await this.#relay(olderThanMs, apply);
    } finally {
      void this.#followed?.forgetOld();
    }
  }

  async hasWaited(ms: number): Promise<boolean> {
    // The oldest tells: by their ids it is found first, however many wait.
    const found: unknown[] = await this.#dataSource.query(
      `SELECT ${FROM_ABANDONED} AND written_at < clock_timestamp() - $3 * interval '1 millisecond' ORDER BY id LIMIT 1`,
      [ABANDONED_AFTER_MS, this.#namespace, ms],
    );
    return found.length > 0;
  }

  get isFollowed(): boolean {
    return this.#followed !== undefined;
  }

  /** Knows nothing unless this {@link isFollowed}. */
  async follow(mark: string | undefined): Promise<OutboxNews> {
    if (!this.#followed) return { mark: '', invalidated: undefined };
    try {
      return await this.#followed.since(mark, this.#namespace);
    } finally {
      // Nothing is relayed while the store is away.
      void this.#followed.forgetOld();
    }
  }

  /** Does nothing unless this {@link isFollowed}: nobody would hear of it. */
  async announce(tags: readonly string[]): Promise<void> {
    if (!this.#followed) return;
    const storable = tags.map((tag) => tag.replaceAll('\0', ''));
    // It is no write of the method that it is done for.
    await outsideUnits(() => this.#bypass.run(ANNOUNCE, [storable, this.#namespace]));
  }

  async #relay(
    olderThanMs: number,
    apply: (tags: readonly string[]) => Promise<boolean>,
  ): Promise<number | 'held'> {
    // Every process asks four times a second, nearly always in vain: that is one statement, without a transaction around it.
    const found: unknown[] = await this.#dataSource.query(`SELECT ${FROM_ABANDONED} LIMIT 1`, [
      olderThanMs,
      this.#namespace,
    ]);
    if (found.length === 0) return 0;
    return this.#dataSource.transaction(async (manager) => {
      const rows: { id: string; tags: string[] }[] = await manager.query(
        `SELECT id, tags ${FROM_ABANDONED} ORDER BY id LIMIT ${MAX_ROWS_A_ROUND} FOR UPDATE SKIP LOCKED`,
        [olderThanMs, this.#namespace],
      );
      if (rows.length === 0) return 'held';
      if (!(await apply(relayedTags(rows)))) return 0;
      await manager.query(SETTLE, [rows.map(({ id }) => id)]);
      return rows.length;
    });
  }
}

function warnOfReplicas(dataSource: DataSource): void {
  const { replication } = dataSource.options as { replication?: object };
  if (!replication || dataSource.defaultReplicationModeForReads() === 'master') return;
  new Logger('Cache').warn(
    'TypeORM reads from replicas: what one of them has not heard of yet is cached as it was before, until its TTL. ' +
      "Read from the primary: replication.defaultMode: 'master'",
  );
}
