import { AsyncScope } from '../engine/async-scope.js';
import { systemClock } from '../engine/clock.js';
import type { Subject } from '../engine/subject.js';
import { byHardness } from '../engine/tags.js';

/**
 * What a method has begun and did not wait for is known as its own for so long after it threw, ms; longer while others are
 * at work. In real time, as transactions are.
 */
const LINGER_MS = 1000;
/** And then no longer than that, ms: a method may have begun what never ends. */
const MOST_LATE_MS = 10_000;

/**
 * One run of a method under `@InvalidateCache`, with all transactions in it and all such methods that it calls: it is
 * over when the last of them is.
 */
export class UnitOfWork {
  /** Ids of the outbox rows that were committed. */
  readonly rows: string[] = [];
  /** Ids of the rows whose commit was sent. Whether it happened may never become known: those are left to relays. */
  readonly #sent = new Set<string>();
  readonly #tags = new Set<string>();
  readonly #cover = new Set<string>();
  /** Tags of methods inside that threw, and how much had been written when the first of these began. */
  readonly #feared = new Map<string, number>();
  #presumed = 0;
  #transactions = 0;
  #inside = 0;
  #hasOutermostEnded = false;
  #lastEndMs = -Infinity;
  #settleLate: ((row: string) => Promise<void>) | undefined;

  /**
   * @param method  for messages
   * @param cover   the tags known from the arguments, and for those that only the result knows, what takes them all in
   * @param origin  `owner`: whose it is, of several applications in a process; `outbox`: who watches it; `run`: the
   *   run of a cached method that it is begun by; `outer`: the one in which it is done, of another owner or run
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

  /** A method inside has begun: its tags belong to whatever commits from here on. */
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

  /** A row is committed. @returns resolves when its transaction may be taken for done; never rejects */
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

  /** Whether what begins in it now belongs to it no more. */
  get isLongOver(): boolean {
    return this.isOver && systemClock.monotonicMs() - this.#lastEndMs >= MOST_LATE_MS;
  }

  /** A transaction is used by the unit from here on; each is to be ended once. */
  beginTransaction(): void {
    this.#transactions++;
  }

  endTransaction(): void {
    this.#transactions--;
  }

  /** Something may have been written of which there is no row. */
  presumeWritten(): void {
    this.#presumed++;
  }

  /** How much has been written so far, or may have been. It never falls, or what one wrote could hide another's. */
  get written(): number {
    return new Set([...this.rows, ...this.#sent]).size + this.#presumed;
  }

  /** Further tags that are to be invalidated when the unit is over. */
  add(tags: readonly string[]): void {
    for (const tag of tags) this.#tags.add(tag);
  }

  /**
   * A method inside threw. What it may have changed is to be invalidated if anything was written since it began, or is
   * yet: its own writes may be part of a transaction that the method around it commits.
   */
  fear(cover: readonly string[], writtenBefore: number): void {
    for (const tag of cover) {
      this.#feared.set(tag, Math.min(writtenBefore, this.#feared.get(tag) ?? Infinity));
    }
  }

  get tags(): readonly string[] {
    const feared = [...this.#feared].filter(([, writtenBefore]) => this.written > writtenBefore);
    return [...new Set([...this.#tags, ...feared.map(([tag]) => tag)])];
  }

  /** What must be invalidated if nothing more becomes known: rather too much than too little. */
  get intent(): readonly string[] {
    return [...new Set([...this.#cover, ...this.tags])];
  }

  /**
   * Whether this is to be made anew for whoever asks inside the unit, and not kept. While a transaction is open that is
   * everything: what it sees may never be committed, or be older than what others have invalidated since it began. Else
   * it is what the unit is about to invalidate: what is kept of that may be from before its own writes.
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
 * The innermost unit of work that the code which asks is done in.
 *
 * @param isMeant  which of them count; an application's units are no other's
 */
export function currentUnit(isMeant: (unit: UnitOfWork) => boolean = () => true): UnitOfWork | undefined {
  return innermost((unit) => !unit.isOver && isMeant(unit));
}

/** The innermost unit of work around the caller that `outbox` watches: transactions of its database belong to it. */
export function unitWatchedBy(outbox: object): UnitOfWork | undefined {
  return currentUnit(({ origin }) => origin.outbox === outbox);
}

/** As {@link unitWatchedBy}; also one that is over, by what it has begun and did not wait for. */
export function lateUnitWatchedBy(outbox: object): UnitOfWork | undefined {
  return innermost((unit) => !unit.isLongOver && unit.origin.outbox === outbox);
}

function innermost(isMeant: (unit: UnitOfWork) => boolean): UnitOfWork | undefined {
  let unit = units.current;
  while (unit && !isMeant(unit)) unit = unit.origin.outer;
  return unit;
}

/** @throws what `run` throws; what goes on then, as beside the part of a `Promise.all` that failed, is work of the unit yet */
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

/** For what is written about a unit of work, and is no work of it. */
export function outsideUnits<T>(run: () => T): T {
  return units.runPart(undefined, run);
}
