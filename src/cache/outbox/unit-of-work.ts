import { AsyncScope } from '../engine/async-scope.js';
import { systemClock } from '../engine/clock.js';
import type { Subject } from '../engine/subject.js';
import { byHardness } from '../engine/tags.js';

/**
 * How long after a method threw the work that it began and did not wait for still counts as its own, ms; longer while other
 * methods of the unit are at work. In real time, as transactions are.
 */
const LINGER_MS = 1000;
/** The longest time that it counts so after the unit is over, ms: some of that work may never end. */
const MOST_LATE_MS = 10_000;

/**
 * One run of a method under `@InvalidateCache`, with all transactions and all such methods inside it. It is over when the
 * last of these methods has ended.
 */
export class UnitOfWork {
  /** Ids of the outbox rows that were committed. */
  readonly rows: string[] = [];
  /** Ids of the rows whose commit was sent. Whether it happened may never become known: such rows are left to relays. */
  readonly #sent = new Set<string>();
  readonly #tags = new Set<string>();
  readonly #cover = new Set<string>();
  /** Tags of methods inside that threw → how much had been written when the first of these began. */
  readonly #tagsIfWritten = new Map<string, number>();
  #presumed = 0;
  #transactions = 0;
  #inside = 0;
  #hasOutermostEnded = false;
  #lastEndMs = -Infinity;
  #settleLate: ((row: string) => Promise<void>) | undefined;

  /**
   * @param method  for messages
   * @param cover   the tags known from the arguments, and tags that cover those that only the result knows
   * @param origin  `owner`: the application that it belongs to, of several in a process; `outbox`: the one that watches it;
   *   `run`: the run of a cached method that has begun it; `outer`: the unit around it, of another owner or run
   */
  constructor(
    readonly method: string,
    cover: readonly string[],
    readonly origin: {
      readonly owner?: object;
      readonly outbox?: object | undefined;
      readonly run?: object | undefined;
      readonly outer?: UnitOfWork | undefined;
    } = {},
  ) {
    this.enter(cover);
  }

  /** A method inside has begun: from here on its tags are part of every row that is written. */
  enter(cover: readonly string[]): void {
    this.#inside++;
    for (const tag of cover) this.#cover.add(tag);
  }

  /** A method inside has ended: the outermost, or another. */
  exit(): void {
    this.#inside--;
    this.#lastEndMs = systemClock.monotonicMs();
  }

  /**
   * The outermost method has ended.
   *
   * @param settleLate invalidates for a row that is committed only now: in a transaction that began outside of the unit,
   *   or by a method that nobody waited for
   */
  endOutermost(settleLate?: (row: string) => Promise<void>): void {
    this.#hasOutermostEnded = true;
    this.#settleLate = settleLate;
  }

  /** The commit of a row is about to be sent. */
  committing(row: string): void {
    this.#sent.add(row);
  }

  /** A row is committed. @returns resolves when its transaction may count as done; never rejects */
  async committed(row: string): Promise<void> {
    if (this.#settleLate) await this.#settleLate(row);
    else this.rows.push(row);
  }

  /** Whether the outermost method has ended; others may still be inside. */
  get hasOutermostEnded(): boolean {
    return this.#hasOutermostEnded;
  }

  /** Whether all methods inside have ended. */
  get isOver(): boolean {
    return this.#hasOutermostEnded && this.#inside === 0;
  }

  /** Whether it has been over for so long that what begins in it now no longer belongs to it. */
  get isLongOver(): boolean {
    return this.isOver && systemClock.monotonicMs() - this.#lastEndMs >= MOST_LATE_MS;
  }

  /** The unit uses a transaction from here on. Each must be ended once. */
  beginTransaction(): void {
    this.#transactions++;
  }

  endTransaction(): void {
    this.#transactions--;
  }

  /** Something may have been written for which there is no row. */
  presumeWritten(): void {
    this.#presumed++;
  }

  /** How much has been written so far, or may have been. It never falls, so that each write shows as a rise. */
  get written(): number {
    return new Set([...this.rows, ...this.#sent]).size + this.#presumed;
  }

  /** Adds tags to invalidate when the unit is over. */
  add(tags: readonly string[]): void {
    for (const tag of tags) this.#tags.add(tag);
  }

  /**
   * Adds tags of a method inside that threw. They are invalidated if anything was written since it began, or is written later:
   * its writes may be part of a transaction that the method around it still commits.
   *
   * @param writtenBefore  what {@link written} was when it began
   */
  addIfWritten(tags: readonly string[], writtenBefore: number): void {
    for (const tag of tags) {
      this.#tagsIfWritten.set(tag, Math.min(writtenBefore, this.#tagsIfWritten.get(tag) ?? Infinity));
    }
  }

  /** All that is to be invalidated when the unit is over, as far as is known now. */
  get tags(): readonly string[] {
    const written = [...this.#tagsIfWritten].filter(([, writtenBefore]) => this.written > writtenBefore);
    return [...new Set([...this.#tags, ...written.map(([tag]) => tag)])];
  }

  /** All that may have to be invalidated, as far as is known now: rather too much than too little. */
  get intent(): readonly string[] {
    return [...new Set([...this.#cover, ...this.tags])];
  }

  /**
   * Whether a caller inside the unit goes past the cache for this subject, and keeps nothing. While a transaction is open that
   * is so for everything: what the transaction sees may never be committed, or be older than what others have invalidated
   * since it began. Else it is so for what the unit is about to invalidate: a kept value may be older than its own writes.
   */
  readsPast({ tags, furtherTags }: Pick<Subject, 'tags' | 'furtherTags'>): boolean {
    if (this.#transactions > 0) return true;
    const { hard, soft } = byHardness(this.intent);
    const intended = new Set([...hard, ...soft]);
    const mayBeNamed = furtherTags.mayBeNamed && intended.size > 0;
    return mayBeNamed || tags.some((tag) => intended.has(tag));
  }
}

const units = new AsyncScope<UnitOfWork | undefined>();

/**
 * The innermost unit of work around the caller that is not over.
 *
 * @param isMeant  which units count, such as those of one application. Default: all
 */
export function currentUnit(isMeant: (unit: UnitOfWork) => boolean = () => true): UnitOfWork | undefined {
  return innermost((unit) => !unit.isOver && isMeant(unit));
}

/** The innermost unit of work around the caller that `outbox` watches: the one to which transactions of its database belong. */
export function unitWatchedBy(outbox: object): UnitOfWork | undefined {
  return currentUnit(({ origin }) => origin.outbox === outbox);
}

/** As {@link unitWatchedBy}, but also a unit that is over, for work that it began and did not wait for. */
export function lateUnitWatchedBy(outbox: object): UnitOfWork | undefined {
  return innermost((unit) => !unit.isLongOver && unit.origin.outbox === outbox);
}

function innermost(isMeant: (unit: UnitOfWork) => boolean): UnitOfWork | undefined {
  let unit = units.current;
  while (unit && !isMeant(unit)) unit = unit.origin.outer;
  return unit;
}

/**
 * Runs `run` inside the unit. Work that goes on after it threw, such as the other parts of a `Promise.all`, still belongs to
 * the unit.
 *
 * @throws what `run` throws
 */
export function inUnit<T>(unit: UnitOfWork, run: () => Promise<T>): Promise<T> {
  return units.run(unit, async () => {
    try {
      return await run();
    } catch (error) {
      units.linger(systemClock, LINGER_MS);
      throw error;
    }
  });
}

/** Runs what writes about units of work, such as to the outbox, and is no work of theirs. */
export function outsideUnits<T>(run: () => T): T {
  return units.runPart(undefined, run);
}
