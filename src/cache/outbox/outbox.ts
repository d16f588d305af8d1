import type { UnitOfWork } from './unit-of-work.js';

/** What a unit of work has committed and nobody has invalidated yet. */
export interface OutboxRow {
  /** Of one commit: each that a unit makes has a row, and an id, of its own. */
  readonly id: string;
  readonly tags: readonly string[];
}

/** How far back {@link Outbox.follow} reaches at least, ms: what was settled longer ago may be forgotten. */
export const KEPT_MS = 60_000;

/** How long before its invalidation something may be announced, ms: those who follow allow for no more. */
export const AHEAD_MS = 5000;

/** What an outbox tells whoever follows it. */
export interface OutboxNews {
  /** To be given to {@link Outbox.follow} the next time; it means nothing to anybody else. */
  readonly mark: string;
  /**
   * What was invalidated, as rows name it, soft marks included: each tag once, in no order. `undefined`: more than can be told,
   * or nobody knows; anything may have been.
   */
  readonly invalidated: readonly string[] | undefined;
}

/**
 * Keeps the intent to invalidate, in the data's own transaction, until the store has confirmed it: a process that dies
 * between its commit and its invalidation, or cannot reach the store, loses nothing.
 *
 * An implementation watches the transactions of the database it stands for. When one commits that was used inside a
 * {@link UnitOfWork}, it writes a row with the unit's intent before the commit, and tells the unit of the row after. It also
 * tells the unit of each transaction's begin and end: what is read inside of one is kept for nobody.
 */
export interface Outbox {
  /** Whether its database can be asked at all yet. */
  readonly isReady: boolean;

  /**
   * Told once, at the start, what stands before the application's keys in the store. Another application on the same
   * database has another one and keeps other tokens: the rows of each are no business of the other's.
   */
  serve?(namespace: string): void;

  /**
   * For one that sees no transactions: gives the unit its row. Called before every method under `@InvalidateCache`, so it
   * costs nothing.
   *
   * @param unit  the method's, or that of the method it is called in
   */
  watch?(unit: UnitOfWork): void;

  /** These rows' invalidations are confirmed; they are not needed any more. */
  settle(rows: readonly string[]): Promise<void>;

  /**
   * The owner of these rows is alive and still at work: no relay takes one before `olderThanMs` have passed since. Rows that
   * were given up stay so.
   */
  renew(rows: readonly string[]): Promise<void>;

  /**
   * Their owner gives these rows up, and any relay may take them at once. Puts what is known exactly by now in the
   * place of what they were written with.
   *
   * @returns whether all were still there; a relay that was too early knew only what they were written with
   */
  narrow(rows: readonly string[], tags: readonly string[]): Promise<boolean>;

  /** Those of these rows, given up by their owner, that nobody has settled yet. */
  unsettled(rows: readonly string[]): Promise<readonly string[]>;

  /**
   * Rows that somebody has committed and nobody has settled, with what they name by now: all of them, or `undefined` where
   * they are over 500. Without it nobody waits for what another has written and not invalidated yet.
   */
  committed?(): Promise<readonly OutboxRow[] | undefined>;

  /**
   * Takes rows that were neither settled nor renewed for `olderThanMs`, each by one process at a time, and settles them
   * if `apply` confirms.
   *
   * @returns how many were settled; `'held'` where there are such rows and others are at work on all of them, so that what
   *   they name is not invalidated yet
   */
  relay(olderThanMs: number, apply: (tags: readonly string[]) => Promise<boolean>): Promise<number | 'held'>;

  /**
   * Whether a row was written more than `ms` ago that its owner has given up, or does not renew, and that nobody has
   * settled. Probes ask, so it must cost little, however many rows wait. Without it nobody knows.
   */
  hasWaited?(ms: number): Promise<boolean>;

  /** Whether every invalidation of the namespace goes through this outbox, so that a process may go by it alone. */
  readonly isFollowed?: boolean;

  /**
   * What was invalidated since `mark` was given. No row is missing whose transaction had committed before the call. A row counts
   * when it is committed, and once more when its owner gives it up and when it is settled: after its commit a method may
   * change more than the database.
   *
   * @param mark  as this outbox gave it. Without one it tells of the last half of {@link KEPT_MS} at least
   * @throws what the database says
   */
  follow?(mark: string | undefined): Promise<OutboxNews>;

  /**
   * Tells those who follow exactly which tags are about to be invalidated in the store: a row names only what was known at its
   * commit, and there may be none. It counts as settled at once, so no relay carries it out. A crash of the database right
   * after may lose it.
   *
   * @throws what the database says
   */
  announce?(tags: readonly string[]): Promise<void>;
}
