import { resultWithin, type Clock } from '../engine/clock.js';
import type { Outbox } from './outbox.js';

/** Long, since every process looks four times a second, and carries out hundreds of rows at a time. */
const LATE_AFTER_MS = 10_000;
/** How long a caller waits for the answer. */
const PATIENCE_MS = 500;
/** After this time another question is put, since the first may never be answered. */
const GIVE_UP_MS = 10_000;
/** How long it is not asked again after a failure: probes come every second, and each failure is a line in its log. */
const LOOK_AWAY_MS = 60_000;

/** Tells those who watch a process whether invalidations wait that nobody carries out. Never rejects. */
export class OutboxBacklog {
  readonly #outbox: Outbox | undefined;
  readonly #clock: Clock;
  #asking: Promise<boolean | undefined> | undefined;
  #lookAwayUntilMs = -Infinity;

  constructor(outbox: Outbox | undefined, clock: Clock) {
    this.#outbox = outbox;
    this.#clock = clock;
  }

  /**
   * @returns whether one has waited for over 10 s. `undefined`: not known, since there is no outbox, or none that tells, or it
   *   did not answer within 500 ms, or has failed within the last minute
   */
  async isLate(): Promise<boolean | undefined> {
    if (!this.#outbox?.isReady || this.#clock.monotonicMs() < this.#lookAwayUntilMs) return undefined;
    // One question at a time, however many look: the database may hang.
    this.#asking ??= resultWithin(this.#clock, GIVE_UP_MS, this.#ask(this.#outbox)).finally(() => {
      this.#asking = undefined;
    });
    return resultWithin(this.#clock, PATIENCE_MS, this.#asking);
  }

  async #ask(outbox: Outbox): Promise<boolean | undefined> {
    try {
      return await outbox.hasWaited?.(LATE_AFTER_MS);
    } catch {
      // The database is away, or its table has no such column.
      this.#lookAwayUntilMs = this.#clock.monotonicMs() + LOOK_AWAY_MS;
      return undefined;
    }
  }
}
