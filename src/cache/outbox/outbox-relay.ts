import { resultWithin, systemClock, type Clock } from '../engine/clock.js';
import type { Outbox } from './outbox.js';

/** How often every process looks for rows that nobody settled. */
const POLL_MS = 250;
/**
 * A look costs as much as there are dead rows, where an old snapshot keeps PostgreSQL from clearing them away: looking takes a tenth
 * of the time at most, as long as what a killed process has left behind is still carried out within 2 s.
 */
const PAUSE_PER_LOOK = 10;
const LONGEST_PAUSE_MS = 1000;
/** In real time, at the end: a database that hangs is not waited for, whatever the clock says. The rows stay for others. */
const STOP_PATIENCE_MS = 1000;
/**
 * A round that takes longer may never end: the next one begins. Rows that it holds are passed over. Each that hangs keeps a
 * connection of the pool, so twice as long is waited with each that has not ended.
 */
const ROUND_PATIENCE_MS = 10_000;
/** After so many: a database that is back is asked within three minutes. */
const MOST_DOUBLINGS = 4;
/** A living owner has settled or renewed its row by then. */
export const ABANDONED_AFTER_MS = 300;

/** Settles what other processes left behind. Runs in every process; rows are taken by one at a time. */
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
   * @param canApply  whether that makes sense now: who cannot reach the store keeps no rows from those who can
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
      // The database is away; whoever uses it says so. The rows wait.
    }
  }

  /** @returns how long to wait for the next */
  async #countedRound(): Promise<number> {
    // Beside others that hang its time says nothing of how much there is to look at.
    const isAlone = this.#underWay++ === 0;
    const since = this.#clock.monotonicMs();
    try {
      const relayed = await this.#outbox.relay(ABANDONED_AFTER_MS, this.#apply);
      // What is carried out has its own time, and mostly more of it comes.
      return isAlone && relayed === 0 ? pauseAfter(this.#clock.monotonicMs() - since) : POLL_MS;
    } finally {
      this.#underWay--;
    }
  }
}

function pauseAfter(lookMs: number): number {
  return Math.min(Math.max(POLL_MS, lookMs * PAUSE_PER_LOOK), LONGEST_PAUSE_MS);
}
