import { systemClock, type Clock } from '../engine/clock.js';
import { KEPT_MS, type OutboxNews } from './outbox.js';
import type { PoolBypass } from './typeorm.bypass.js';
import { currentUnit, outsideUnits } from './unit-of-work.js';

const MAX_TOLD = 10_000;
/** So what is settled is told of for up to 20 s longer than it has to be; even longer where no process lives for a minute. */
const FORGET_EVERY_MS = 10_000;
const MAX_FORGOTTEN_AT_ONCE = 10_000;

/**
 * Names one life of the server: by when it was started, and when its statistics began, which also changes where it recovers by
 * itself after one of its processes was killed. After a restart, a recovery or a promotion the numbers of transactions that were
 * lost by it may be given out again.
 */
const SERVER =
  'concat(extract(epoch FROM pg_postmaster_start_time()), chr(47), extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time()))';
const MARK = `${SERVER} || ' ' || pg_current_snapshot()::text`;
/** A number above those of all rows that this server wrote. A row that a dump has brought from another may have a higher one. */
const NEXT = 'pg_snapshot_xmax(pg_current_snapshot())';
/**
 * Rows that the snapshot $2 does not see: of transactions that began after it or were under way. These are listed one by one; by
 * the oldest alone, all rows of an hour would be looked through while a transaction takes an hour.
 */
const UNSEEN =
  '(committed_in >= pg_snapshot_xmax($2::pg_snapshot) ' +
  `OR committed_in = ANY (ARRAY(SELECT pg_snapshot_xip($2::pg_snapshot)))) AND committed_in < ${NEXT}`;

/** Whether one snapshot sees all that an earlier one sees. Those of one server grow with time. */
const sees = (snapshot: string, earlier: string) =>
  `(pg_snapshot_xmax(${earlier}) <= pg_snapshot_xmax(${snapshot}) AND NOT EXISTS (
    SELECT FROM pg_snapshot_xip(${snapshot}) AS xid WHERE pg_visible_in_snapshot(xid, ${earlier})))`;
/**
 * Whether nothing is forgotten that the snapshot $2 of the server $3 does not see. That goes by what was forgotten, and by no
 * clock: a machine that was suspended does not know for how long.
 */
const IS_ALL_KEPT = `$3 = ${SERVER} AND pg_snapshot_xmax($2::pg_snapshot) <= ${NEXT} AND NOT EXISTS (
    SELECT FROM cache_forgotten WHERE server = ${SERVER} AND NOT ${sees('$2::pg_snapshot', 'snapshot')})`;

/**
 * In one statement, which has one snapshot: a row that moves from one table to the other meanwhile is seen in one of them. A
 * standby does not know what is under way, and so cannot tell.
 */
const told = (ofOutbox: string, ofSettled: string, isKnown: string) =>
  `WITH told AS MATERIALIZED (
     SELECT tags FROM cache_outbox WHERE (namespace = $1 OR namespace IS NULL) AND ${ofOutbox}
     UNION ALL SELECT tags FROM cache_settled WHERE (namespace = $1 OR namespace IS NULL) AND ${ofSettled}
     LIMIT ${MAX_TOLD + 1}
   )
   SELECT ${MARK} AS mark, CASE WHEN ${isKnown} AND NOT pg_is_in_recovery() AND (SELECT count(*) FROM told) <= ${MAX_TOLD}
     THEN ARRAY(SELECT DISTINCT unnest(tags) FROM told) END AS invalidated`;
const TELL_ALL = told('true', 'true', 'true');
const TELL_LATE = told('true', UNSEEN, IS_ALL_KEPT);
const TELL_UNSEEN = told(UNSEEN, UNSEEN, IS_ALL_KEPT);

/**
 * Forgets settled rows that the snapshot $1 sees: a transaction that is under way for an hour keeps none but its own. One process
 * does so at a time.
 */
const FORGET = `WITH forgetting AS MATERIALIZED (
    SELECT FROM cache_forgotten FOR UPDATE SKIP LOCKED
  ), noted AS (
    UPDATE cache_forgotten SET server = $2, snapshot = $1::pg_snapshot FROM forgetting
    WHERE $2 = ${SERVER} AND (server = $2 AND ${sees('snapshot', '$1::pg_snapshot')}) IS NOT TRUE
  ), forgotten AS (
    DELETE FROM cache_settled WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM cache_settled
      WHERE ((committed_in < pg_snapshot_xmax($1::pg_snapshot) AND pg_visible_in_snapshot(committed_in, $1::pg_snapshot) AND $2 = ${SERVER})
        OR committed_in >= ${NEXT}) AND EXISTS (SELECT FROM forgetting)
      LIMIT ${MAX_FORGOTTEN_AT_ONCE} FOR UPDATE SKIP LOCKED
    )) RETURNING 1
  )
  SELECT ${MARK} AS mark, (SELECT count(*)::int FROM forgotten) AS count`;

/**
 * Tells of the rows of the outbox, and of what became of them: `cache_settled` keeps what is settled for {@link KEPT_MS}.
 * Rows name the transaction that brought them, and a snapshot says which transactions it sees: a row is new to whoever's
 * snapshot was taken before its commit, however early the transaction began.
 */
export class FollowedRows {
  readonly #bypass: PoolBypass;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** The oldest first. */
  #snapshots: readonly Snapshot[] = [];
  #forgetAtMs = -Infinity;

  constructor(bypass: PoolBypass, clock: Pick<Clock, 'monotonicMs'> = systemClock) {
    this.#bypass = bypass;
    this.#clock = clock;
  }

  /** As {@link Outbox.follow}. */
  async since(mark: string | undefined, namespace: string): Promise<OutboxNews> {
    const [found] = await this.#tell(mark, namespace);
    if (!found) throw new Error('the database has told nothing');
    return { mark: found.mark, invalidated: found.invalidated ?? undefined };
  }

  /** Without a mark it goes back to a snapshot that this process took long enough ago; one that has just started has none. */
  #tell(mark: string | undefined, namespace: string): Promise<Told[]> {
    if (mark !== undefined) return this.#query(TELL_UNSEEN, [namespace, ...partsOf(mark)]);
    const late = this.#takenBefore(KEPT_MS / 2);
    return late
      ? this.#query(TELL_LATE, [namespace, ...partsOf(late.mark)])
      : this.#query(TELL_ALL, [namespace]);
  }

  /**
   * Does nothing for ten seconds after the last time, unless that has left some. By the clock of this process, since that of the
   * database may be set. Never rejects.
   */
  async forgetOld(): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#forgetAtMs) return;
    this.#forgetAtMs = Infinity;
    const old = this.#takenBefore(KEPT_MS);
    let isAll = true;
    try {
      const [found] = await this.#query<Forgotten>(FORGET, old ? partsOf(old.mark) : [null, null]);
      const kept = this.#snapshots.filter(({ atMs }) => !old || atMs >= old.atMs);
      if (found) this.#snapshots = [...kept, { mark: found.mark, atMs: this.#clock.monotonicMs() }];
      isAll = found?.count !== MAX_FORGOTTEN_AT_ONCE;
    } catch {
      // The database is away; whoever uses it says so. The rows wait.
    } finally {
      this.#forgetAtMs = this.#clock.monotonicMs() + (isAll ? FORGET_EVERY_MS : 0);
    }
  }

  #takenBefore(ms: number): Snapshot | undefined {
    const nowMs = this.#clock.monotonicMs();
    return this.#snapshots.findLast(({ atMs }) => nowMs - atMs >= ms);
  }

  /** Outside of units of work: it is no write of the method that it is done for. */
  #query<T>(sql: string, parameters: unknown[]): Promise<T[]> {
    const query = () => this.#bypass.run<T>(sql, parameters);
    return currentUnit() ? outsideUnits(query) : query();
  }
}

interface Snapshot {
  readonly mark: string;
  /** When it had been taken at the latest. */
  readonly atMs: number;
}

interface Forgotten {
  readonly mark: string;
  readonly count: number;
}

interface Told {
  readonly mark: string;
  readonly invalidated: string[] | null;
}

/** @returns the snapshot, and the server whose it is */
function partsOf(mark: string): [string | undefined, string | undefined] {
  const [server, snapshot] = mark.split(' ');
  return [snapshot, server];
}
