import { AsyncResource } from 'node:async_hooks';
import type { Outbox } from './outbox.js';
import type { UnitOfWork } from './unit-of-work.js';

/** So short that a row is renewed two or three times before a relay would think it abandoned. */
const TICK_MS = 100;
/** About 30 s. A method that takes longer may never end. */
const MAX_TICKS = 300;
/** After so many ticks without an answer the database is asked again: the answer may never come. */
const PATIENCE_TICKS = 10;

/**
 * Keeps relays away from rows whose methods are still at work after their commit, or that are just being settled: a relay
 * would have to invalidate more than their exact tags. Most methods end before the first renewal, and cost no query.
 */
export class RowRenewal {
  readonly #outbox: Outbox;
  readonly #units = new Set<UnitOfWork>();
  /** Row → in how many ticks it was seen. */
  #ticks = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  /** Keeps the timer outside all work: else it would belong to the unit that began it, and it serves all. */
  readonly #nobody = new AsyncResource('RowRenewal');
  /** For how many ticks the last renewal has been under way. */
  #underWay: { ticks: number } | undefined;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  begin(unit: UnitOfWork): void {
    this.#units.add(unit);
    // In real time: the age of a row goes by the database's clock.
    this.#timer ??= this.#nobody.runInAsyncScope(() => setInterval(() => void this.#tick(), TICK_MS).unref());
  }

  end(unit: UnitOfWork): void {
    this.#units.delete(unit);
    if (this.#units.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #tick(): Promise<void> {
    const rows = [...this.#units].flatMap((unit) => unit.rows);
    this.#ticks = new Map(rows.map((row) => [row, (this.#ticks.get(row) ?? 0) + 1]));
    const due = [...this.#ticks].filter(([, ticks]) => ticks > 1 && ticks <= MAX_TICKS).map(([row]) => row);
    if (this.#underWay && ++this.#underWay.ticks < PATIENCE_TICKS) return;
    if (due.length === 0) return;
    const own = (this.#underWay = { ticks: 0 });
    try {
      await this.#outbox.renew(due);
    } catch {
      // Then a relay takes the rows: it invalidates too much, but nothing stays old.
    } finally {
      if (this.#underWay === own) this.#underWay = undefined;
    }
  }
}
