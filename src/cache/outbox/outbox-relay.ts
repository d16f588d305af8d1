import { resultWithin, systemClock, type Clock } from '../engine/clock.js';
import type { Outbox } from './outbox.js';

/** How often every process looks for rows that nobody has settled. */
const POLL_MS = 250;
/**
 * The pause after a look, in times of its duration, so that looking takes a tenth of the time at most. A look gets slow where
 * an old snapshot keeps PostgreSQL from removing dead rows. The longest pause still lets the rows of a killed process be
 * carried out within 2 s.
 */
const PAUSE_PER_LOOK = 10;
const LONGEST_PAUSE_MS = 1000;
/** How long {@link OutboxRelay.stop} waits for a round, in real time: a database may hang. The rows stay for others. */
const STOP_PATIENCE_MS = 1000;
/**
 * After this time the next round begins, since the present one may never end; it skips rows that the other holds. Each round
 * that hangs keeps a connection of the pool, so with each the time doubles.
 */
const ROUND_PATIENCE_MS = 10_000;
/** How often it doubles at most: a database that is back is asked within three minutes. */
const MOST_DOUBLINGS = 4;
/** By this age a living owner has settled or renewed its row. */
export const ABANDONED_AFTER_MS = 300;

/** Settles rows that other processes have left behind. Runs in every process; each row is taken by one at a time. */
export class OutboxRelay {
  readonly #outbox: Outbox;
  readonly #apply: (tags: readonly string[]) => Promise<boolean>;
  readonly #canApply: () => boolean;
  readonly #clock: Clock;
  #cancel: (() => void) | undefined;
  #pauseMs = POLL_MS;
  #round: Promise<void> = Promise.resolve();
  /** How many rounds have not ended. */
  #underWay = 0;
  #isStopped = false;

  /**
   * @param apply     invalidates, and says whether the store has confirmed it
   * @param canApply  whether that makes sense now: a process that cannot reach the store must not keep rows from those that can
   */
  constructor(
    outbox: Outbox,
    apply: (tags: readonly string[]) => Promise<boolean>,
    canApply: () => boolean,
    clock: Clock,
  ) {
    this.#outbox = outbox;
    this.#apply = apply;
    this.#canApply = canApply;
    this.#clock = clock;
  }

  start(): void {
    this.#cancel = this.#clock.schedule(this.#pauseMs, () => {
      this.#round = this.#relay().finally(() => {
        if (!this.#isStopped) this.start();
      });
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await resultWithin(systemClock, STOP_PATIENCE_MS, this.#round);
  }

  async #relay(): Promise<void> {
    if (!this.#outbox.isReady || !this.#canApply()) return;
    const patienceMs = ROUND_PATIENCE_MS * 2 ** Math.min(this.#underWay, MOST_DOUBLINGS);
    try {
      this.#pauseMs = (await resultWithin(this.#clock, patienceMs, this.#countedRound())) ?? POLL_MS;
    } catch {
      this.#pauseMs = POLL_MS;
      // The database is away, which those who use it report. The rows wait.
    }
  }

  /** @returns the pause until the next round, ms */
  async #countedRound(): Promise<number> {
    // Beside rounds that hang, its duration does not show how much there is to look at.
    const isAlone = this.#underWay++ === 0;
    const sinceMs = this.#clock.monotonicMs();
    try {
      const relayed = await this.#outbox.relay(ABANDONED_AFTER_MS, this.#apply);
      // If rows were carried out, more usually follow, and the duration includes that.
      return isAlone && relayed === 0 ? pauseAfter(this.#clock.monotonicMs() - sinceMs) : POLL_MS;
    } finally {
      this.#underWay--;
    }
  }
}

function pauseAfter(lookMs: number): number {
  return Math.min(Math.max(POLL_MS, lookMs * PAUSE_PER_LOOK), LONGEST_PAUSE_MS);
}
