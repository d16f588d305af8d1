import { EPOCH } from '../engine/tags.js';
import type { Outbox } from './outbox.js';
import { MAX_ROWS_A_ROUND, relayedTags } from './relayed-tags.js';
import type { UnitOfWork } from './unit-of-work.js';

/** What waits, rows and their tags together. Beyond it everything is invalidated, in place of all that waits. */
const MAX_HELD = 10_000;

interface Row {
  readonly tags: readonly string[];
  isTaken: boolean;
}

/**
 * An outbox for a database that tells nobody of its commits. Every method under `@InvalidateCache` that began counts as
 * one that wrote, also if it threw; and what the store has not confirmed waits here until it has.
 *
 * It does not promise what the name of an outbox does: it holds its rows in the memory of its process, so an
 * invalidation is lost with the process, from the write on. Others then give the old answer until its TTL ends. Nor
 * does any other process see the rows.
 */
export class MemoryOutbox implements Outbox {
  readonly isReady = true;
  readonly #rows = new Map<string, Row>();
  #held = 0;
  #lastId = 0;

  /** Nothing is kept yet: were the process to die from here on, the row would die with it. */
  watch(unit: UnitOfWork): void {
    unit.rows.push(String(++this.#lastId));
  }

  settle(rows: readonly string[]): Promise<void> {
    for (const id of rows) this.#remove(id);
    return Promise.resolve();
  }

  /** Nothing is kept of a row before its owner gives it up. */
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

  /** Rows are kept only once their owner has given them up, so their age says nothing. */
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
