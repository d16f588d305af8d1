import type { BackgroundWork } from '../engine/background-work.js';
import { pause, resultWithin, systemClock, type Clock } from '../engine/clock.js';
import { AHEAD_MS, type Outbox, type OutboxRow } from './outbox.js';
import { relayedTags } from './relayed-tags.js';
import { RelayWatch } from './relay-watch.js';
import { RowRenewal } from './row-renewal.js';
import { outsideUnits, type UnitOfWork } from './unit-of-work.js';

/** What a writer waits for others to confirm what the store did not confirm to it, from its own attempt on, ms. */
const PENDING_LIMIT_MS = 1000;

/** Between looks for rows of others who have just committed: most of them are settled after the first. */
const OTHERS_PAUSES_MS = [5, 10, 20, 40, 80];

/** What the database may take to note an invalidation for those who go by it. In real time. */
const ANNOUNCE_PATIENCE_MS = 500;

/** Between attempts to settle rows whose invalidation is confirmed. In real time: relays go by the database's. */
const SETTLE_PAUSES_MS = [100, 300, 900];

interface UnitSettlementOptions {
  readonly outbox: Outbox | undefined;
  readonly clock: Clock;
  /** @returns whether the store has confirmed it; never rejects */
  readonly invalidate: (tags: readonly string[]) => Promise<boolean>;
  readonly background: BackgroundWork;
  /** Called when others may still be given the older answers for a while. */
  readonly onPending: () => void;
}

/** What becomes of the rows of a unit of work: kept from relays while it lasts, then settled, or left to whoever can. */
export class UnitSettlement {
  readonly #options: UnitSettlementOptions;
  readonly #renewal: RowRenewal | undefined;
  readonly #relays: RelayWatch | undefined;
  /** Rows of others that were carried out in their place, each as it was then: once is enough for all who find them. */
  #carriedOut: ReadonlySet<string> = new Set();

  constructor(options: UnitSettlementOptions) {
    const { outbox, clock } = options;
    this.#options = options;
    this.#renewal = outbox && new RowRenewal(outbox);
    this.#relays = outbox && new RelayWatch(outbox, clock);
  }

  /** @param isFirst whether the unit begins with this method */
  enter(unit: UnitOfWork, isFirst: boolean): void {
    const { outbox } = this.#options;
    if (outbox) outbox.watch?.(unit);
    else unit.presumeWritten();
    if (isFirst) this.#renewal?.begin(unit);
  }

  /**
   * Ends the unit with its outermost method and invalidates what it names; its whole intent where methods that nobody
   * waited for are still inside. The intent is invalidated again for each transaction that commits later.
   *
   * @returns resolves when that is confirmed, here or by another process, or said to be pending after 1 s; never rejects
   */
  async leave(unit: UnitOfWork): Promise<void> {
    unit.endOutermost((row) => this.#settle([row], unit.intent));
    await this.#settle(unit.rows, unit.isOver ? unit.tags : unit.intent, () => this.#renewal?.end(unit));
  }

  /**
   * For a method that named nothing: it may have found that another method had already written what it was to write, and its
   * caller takes that for written, though the other may not have invalidated yet. So the rows that others have committed are
   * waited for, and if that takes long they are carried out in their place. The method's own rows are being settled by then,
   * so that two such methods do not wait long for each other.
   *
   * @returns resolves when that is confirmed, or said to be pending after 1 s; never rejects
   */
  async awaitOthers(unit: UnitOfWork): Promise<void> {
    const { clock, onPending } = this.#options;
    const settled = outsideUnits(() => this.#settleOthers(unit.rows)).catch(() => false);
    if (!(await resultWithin(clock, PENDING_LIMIT_MS, settled))) onPending();
  }

  /**
   * Invalidates at once what belongs to no unit.
   *
   * @returns whether it is confirmed; never rejects
   */
  invalidate(tags: readonly string[]): Promise<boolean> {
    return outsideUnits(() => this.#invalidate(tags));
  }

  /** @param endRenewal  called when relays may have the rows, or need not have them any more */
  async #settle(
    rows: readonly string[],
    tags: readonly string[],
    endRenewal: () => void = () => undefined,
  ): Promise<void> {
    const isConfirmed = await outsideUnits(() => this.#invalidateFor(rows, tags, endRenewal));
    if (!isConfirmed) this.#options.onPending();
  }

  /** @returns whether the invalidation is confirmed, here or by another process */
  async #invalidateFor(
    rows: readonly string[],
    tags: readonly string[],
    endRenewal: () => void,
  ): Promise<boolean> {
    const { outbox, clock, background } = this.#options;
    const sinceMs = clock.monotonicMs();
    const isConfirmed = await this.#invalidate(tags);
    if (isConfirmed && outbox && rows.length > 0) {
      // Nobody waits for this, and nothing fails by it.
      background.addUnheard(this.#settleRows(outbox, rows).finally(endRenewal));
      return true;
    }
    endRenewal();
    if (!outbox || rows.length === 0) return isConfirmed;
    return this.#handOver(outbox, rows, tags, PENDING_LIMIT_MS - (clock.monotonicMs() - sinceMs));
  }

  /**
   * Announces it to those who go by the outbox, and then invalidates in the store: who hears of it from the store and then
   * asks the outbox must find it there. Also where a row is committed already: it names only what its program knew at the
   * commit, and of its own methods.
   */
  async #invalidate(tags: readonly string[]): Promise<boolean> {
    const { clock, invalidate } = this.#options;
    const sinceMs = clock.monotonicMs();
    const isAnnounced = tags.length === 0 || (await this.#announce(tags));
    if (!(await invalidate(tags)) || !isAnnounced) return false;
    // This process stood still in between. Who follows may take over a token that Redis has named meanwhile, at a time when
    // the outbox tells of this announcement no more.
    const isTooEarly = tags.length > 0 && clock.monotonicMs() - sinceMs > AHEAD_MS;
    return isTooEarly ? this.#announce(tags) : true;
  }

  /** @returns whether all who follow will be told */
  async #announce(tags: readonly string[]): Promise<boolean> {
    const { outbox } = this.#options;
    if (!outbox?.isFollowed || !outbox.announce) return true;
    if (!outbox.isReady) return false;
    const announced = outbox.announce(tags).then(
      () => true,
      () => false,
    );
    return (await resultWithin(systemClock, ANNOUNCE_PATIENCE_MS, announced)) ?? false;
  }

  /** Tries again if it fails: for a row that stays a relay invalidates all that it names, perhaps far more than has changed. */
  async #settleRows(outbox: Outbox, rows: readonly string[]): Promise<void> {
    for (const pauseMs of SETTLE_PAUSES_MS) {
      try {
        await outbox.settle(rows);
        return;
      } catch {
        await pause(systemClock, pauseMs);
      }
    }
    await outbox.settle(rows);
  }

  /** Leaves rows to whoever reaches the store, here or elsewhere. @returns whether somebody has settled them within `ms` */
  async #handOver(
    outbox: Outbox,
    rows: readonly string[],
    tags: readonly string[],
    ms: number,
  ): Promise<boolean> {
    let isHandedOver = false;
    const narrow = async () => {
      isHandedOver = await outbox.narrow(rows, tags);
    };
    this.#options.background.addUnheard(narrow());
    const isSettled = await this.#relays?.settled(rows, ms);
    return isSettled === true && isHandedOver;
  }

  /** @returns whether all that others had committed is settled, or carried out in their place */
  async #settleOthers(own: readonly string[]): Promise<boolean> {
    const { outbox, clock, invalidate } = this.#options;
    if (!outbox?.committed) return true;
    const committed = await outbox.committed();
    if (!committed) return false;
    const isLeft = (row: OutboxRow) => !this.#carriedOut.has(textOf(row));
    let rows = committed.filter((row) => isLeft(row) && !own.includes(row.id));
    const ids = new Set(rows.map(({ id }) => id));
    for (const pauseMs of OTHERS_PAUSES_MS) {
      if (rows.length === 0) return true;
      await pause(clock, pauseMs);
      rows = ((await outbox.committed()) ?? rows).filter((row) => isLeft(row) && ids.has(row.id));
    }
    if (rows.length === 0) return true;
    if (!(await invalidate(relayedTags(rows)))) return false;
    const known = committed.map(textOf).filter((text) => this.#carriedOut.has(text));
    this.#carriedOut = new Set([...known, ...rows.map(textOf)]);
    return true;
  }
}

/** Changes when the row names more than before. */
function textOf({ id, tags }: OutboxRow): string {
  return JSON.stringify([id, ...tags]);
}
