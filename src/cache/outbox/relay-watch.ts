import { pause, resultWithin, type Clock } from '../engine/clock.js';
import type { Outbox } from './outbox.js';

const POLL_MS = 100;
/** A database that says nothing for so long is asked anew: its answer may never come. */
const ANSWER_PATIENCE_MS = 1000;
/** Whoever comes when so many wait is told at once that their rows are not settled. */
const MAX_WAITING = 1000;

interface Waiting {
  readonly rows: readonly string[];
  readonly end: (isSettled: boolean) => void;
}

/**
 * Tells when others have settled rows that their owner gave up. Only the outbox knows of every process's relay, so it
 * is asked, once for all who wait.
 */
export class RelayWatch {
  readonly #outbox: Outbox;
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();
  #isAsking = false;

  constructor(outbox: Outbox, clock: Clock) {
    this.#outbox = outbox;
    this.#clock = clock;
  }

  /** @returns whether all of `rows` are settled within `ms`; never rejects, and never takes longer */
  settled(rows: readonly string[], ms: number): Promise<boolean> {
    if (this.#waiting.size >= MAX_WAITING || ms <= 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (isSettled: boolean) => {
        cancel();
        this.#waiting.delete(waiting);
        resolve(isSettled);
      };
      const waiting = { rows, end };
      const cancel = this.#clock.schedule(ms, () => {
        end(false);
      });
      this.#waiting.add(waiting);
      if (!this.#isAsking) void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    while (this.#waiting.size > 0) {
      await pause(this.#clock, POLL_MS);
      const asked = [...this.#waiting];
      try {
        const answer = this.#outbox.unsettled(asked.flatMap(({ rows }) => rows));
        const unsettled = await resultWithin(this.#clock, ANSWER_PATIENCE_MS, answer);
        if (!unsettled) continue;
        const left = new Set(unsettled);
        for (const { rows, end } of asked) if (!rows.some((row) => left.has(row))) end(true);
      } catch {
        // The database is away: nobody knows, and whoever waits is told so in time.
      }
    }
    this.#isAsking = false;
  }
}
