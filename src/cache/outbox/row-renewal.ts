import { AsyncResource } from 'node:async_hooks';
import type { Outbox } from './outbox.js';
import type { UnitOfWork } from './unit-of-work.js';

/** A row is renewed two or three times before a relay would take it for abandoned. */
const TICK_MS = 100;
/** About 30 s. Who is at work for longer is not told from who will never end. */
const MAX_TICKS = 300;
/** A database that says nothing for so long is told once more: its answer may never come. */
const PATIENCE_TICKS = 10;

/**
 * Keeps relays away from the rows of methods that are still at work after their commit, or whose rows are still being
 * settled: their exact tags are better than what a relay would have to invalidate. Most methods are done before the first
 * renewal and cost no query.
 */
export class RowRenewal {
  readonly #outbox: Outbox;
  readonly #units = new Set<UnitOfWork>();
  /** Row → how often it was seen at work. */
  #ticks = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  /** Of nobody's work: a timer remembers what was around whoever made it, and this one serves all. */
  readonly #nobody = new AsyncResource('RowRenewal');
  /** For how many ticks the last renewal has been under way. */
  #underWay: { ticks: number } | undefined;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  begin(unit: UnitOfWork): void {
    this.#units.add(unit);
    // In real time, whatever the clock says: the database counts how old a row is.
    this.#timer ??= this.#nobody.runInAsyncScope(() => setInterval(() => void this.#tick(), TICK_MS).unref());
  }

  end(unit: UnitOfWork): void {
    this.#units.delete(unit);
    if (this.#units.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#ticks.clear();
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
      // Then a relay takes the rows: too much goes cold, and nothing stays old.
    } finally {
      if (this.#underWay === own) this.#underWay = undefined;
    }
  }
}
