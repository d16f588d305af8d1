import { EPOCH } from '../engine/tags.js';
import type { Outbox } from './outbox.js';
import { MAX_ROWS_A_ROUND, relayedTags } from './relayed-tags.js';
import type { UnitOfWork } from './unit-of-work.js';

/** The most that waits, rows and their tags together. Beyond it one row that invalidates everything takes the place of all. */
const MAX_HELD = 10_000;

interface Row {
  readonly tags: readonly string[];
  isTaken: boolean;
}

/**
 * An outbox for a database whose commits cannot be watched. Every method under `@InvalidateCache` that began counts as one
 * that wrote, even if it threw. What the store has not confirmed waits here until it has.
 *
 * It promises less than other outboxes: its rows are in the memory of its process, where no other sees them. If the process
 * dies after a write, the invalidation is lost, and others give the old answer until its TTL ends.
 */
export class MemoryOutbox implements Outbox {
  readonly isReady = true;
  readonly #rows = new Map<string, Row>();
  #held = 0;
  #lastId = 0;

  /** Makes only an id: a row could not outlive the process anyway. */
  watch(unit: UnitOfWork): void {
    unit.rows.push(String(++this.#lastId));
  }

  settle(rows: readonly string[]): Promise<void> {
    for (const id of rows) this.#remove(id);
    return Promise.resolve();
  }

  /** Does nothing: relays see a row only after its owner has given it up. */
  renew(): Promise<void> {
    return Promise.resolve();
  }

  narrow(rows: readonly string[], tags: readonly string[]): Promise<boolean> {
    for (const id of rows) this.#put(id, { tags, isTaken: false });
    return Promise.resolve(true);
  }

  unsettled(rows: readonly string[]): Promise<readonly string[]> {
    return Promise.resolve(rows.filter((id) => this.#rows.has(id) || this.#rows.has(EPOCH)));
  }

  /** Takes rows of any age: they are here only because their owner has given them up. */
  async relay(
    _olderThanMs: number,
    apply: (tags: readonly string[]) => Promise<boolean>,
  ): Promise<number | 'held'> {
    const taken = [...this.#rows].filter(([, row]) => !row.isTaken).slice(0, MAX_ROWS_A_ROUND);
    if (taken.length === 0) return this.#rows.size === 0 ? 0 : 'held';
    for (const [, row] of taken) row.isTaken = true;
    try {
      if (!(await apply(relayedTags(taken.map(([, row]) => row))))) return 0;
      for (const [id, row] of taken) if (this.#rows.get(id) === row) this.#remove(id);
      return taken.length;
    } finally {
      for (const [, row] of taken) row.isTaken = false;
    }
  }

  #put(id: string, row: Row): void {
    this.#remove(id);
    this.#rows.set(id, row);
    this.#held += heldBy(row);
    if (this.#held <= MAX_HELD) return;
    const everything = { tags: [EPOCH], isTaken: false };
    this.#rows.clear();
    this.#rows.set(EPOCH, everything);
    this.#held = heldBy(everything);
  }

  #remove(id: string): void {
    const row = this.#rows.get(id);
    if (row && this.#rows.delete(id)) this.#held -= heldBy(row);
  }
}

function heldBy({ tags }: Row): number {
  return 1 + tags.length;
}
