import { resultWithin, type Clock } from '../engine/clock.js';
import type { Outbox } from './outbox.js';

/** Every process looks twice a second, and carries out hundreds of rows at a time. */
const LATE_AFTER_MS = 10_000;
/** Of whoever asks. */
const PATIENCE_MS = 500;

/** Tells whoever watches a process whether invalidations wait that nobody carries out. It never fails them. */
export class OutboxBacklog {
  readonly #outbox: Outbox | undefined;
  readonly #clock: Clock;
  #asking: Promise<boolean | undefined> | undefined;

  constructor(outbox: Outbox | undefined, clock: Clock) {
    this.#outbox = outbox;
    this.#clock = clock;
  }

  /**
   * @returns whether one has waited for over 10 s; `undefined` where nobody knows: there is no outbox, or it does not
   *   answer within 500 ms
   */
  async isLate(): Promise<boolean | undefined> {
    if (!this.#outbox?.isReady) return undefined;
    // A database that hangs has one question at a time to bear, however many look.
    this.#asking ??= this.#ask(this.#outbox);
    return resultWithin(this.#clock, PATIENCE_MS, this.#asking);
  }

  async #ask(outbox: Outbox): Promise<boolean | undefined> {
    try {
      return await outbox.hasWaited?.(LATE_AFTER_MS);
    } catch {
      // The database is away, or has no such table: whoever uses it says so.
      return undefined;
    } finally {
      this.#asking = undefined;
    }
  }
}
