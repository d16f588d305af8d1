import { AsyncScope } from '../engine/async-scope.js';

/** One run of a method under `@InvalidateCache`, with all transactions in it. */
export class UnitOfWork {
  /** Ids of the outbox rows that were committed. */
  readonly rows: string[] = [];
  /** Of those whose commit was sent, and of which nobody knows more: it may even happen later. Relays settle them. */
  readonly uncertain = new Set<string>();
  readonly #joined = new Set<string>();
  readonly #cover = new Set<string>();
  #presumed = 0;
  #isOver = false;
  #settleLate: ((row: string) => Promise<void>) | undefined;

  /**
   * @param method  for messages
   * @param cover   the tags known from the arguments, and for those that only the result knows, what takes them all in
   */
  constructor(
    readonly method: string,
    cover: readonly string[],
  ) {
    this.widen(cover);
  }

  /** A method inside has begun: its tags belong to whatever commits from here on. */
  widen(cover: readonly string[]): void {
    for (const tag of cover) this.#cover.add(tag);
  }

  /** @param settleLate invalidates for a row that is committed only now, in a transaction that began outside of the unit */
  end(settleLate?: (row: string) => Promise<void>): void {
    this.#isOver = true;
    this.#settleLate = settleLate;
  }

  /** A row is committed. @returns resolves when its transaction may be taken for done; never rejects */
  async committed(row: string): Promise<void> {
    this.uncertain.delete(row);
    if (this.#settleLate) await this.#settleLate(row);
    else this.rows.push(row);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Something may have been written of which there is no row. */
  presumeWritten(): void {
    this.#presumed++;
  }

  /** How much has been written so far, or may have been. */
  get written(): number {
    return this.rows.length + this.uncertain.size + this.#presumed;
  }

  /** Further tags that are to be invalidated when the unit is over. */
  join(tags: readonly string[]): void {
    for (const tag of tags) this.#joined.add(tag);
  }

  get joined(): readonly string[] {
    return [...this.#joined];
  }

  /** What must be invalidated if nothing more becomes known: rather too much than too little. */
  get intent(): readonly string[] {
    return [...new Set([...this.#cover, ...this.#joined])];
  }
}

const units = new AsyncScope<UnitOfWork>();

export function currentUnit(): UnitOfWork | undefined {
  const unit = units.current;
  return unit?.isOver ? undefined : unit;
}

export function inUnit<T>(unit: UnitOfWork, run: () => Promise<T>): Promise<T> {
  return units.run(unit, run);
}
