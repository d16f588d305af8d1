import { pause, resultWithin, type Clock } from '../engine/clock.js';
import type { Outbox } from './outbox.js';

const POLL_MS = 100;
/** After this time without an answer the database is asked again: the answer may never come. */
const ANSWER_PATIENCE_MS = 1000;
/** Beyond this number callers are told at once that their rows are not settled. */
const MAX_WAITING = 1000;

interface Waiting {
  readonly rows: readonly string[];
  readonly end: (isSettled: boolean) => void;
}

/**
 * Tells when other processes have settled rows that their owner gave up. Only the outbox knows what every relay has done, so
 * it is asked again and again, once for all who wait.
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
        // The database is away. Those who wait are told at the end of their time.
      }
    }
    this.#isAsking = false;
  }
}
