import { pause, type Clock } from '../../src/cache/engine/clock.js';
import { MemoryOutbox } from '../../src/cache/outbox/memory.outbox.js';
import { KEPT_MS, type OutboxNews } from '../../src/cache/outbox/outbox.js';

/** An outbox that processes follow, as that of a database would tell them. It is slow, or fails, now and then. */
export class SimulatedOutbox extends MemoryOutbox {
  static keptMs = KEPT_MS;
  readonly isFollowed = true;
  /** How often it was asked. */
  asked = 0;
  readonly #clock: Clock;
  readonly #random: () => number;
  #told: { readonly tags: readonly string[]; readonly place: number; keptUntilMs: number }[] = [];
  #place = 0;

  /** @param random  Default: it is never slow, and never fails */
  constructor(clock: Clock, random: () => number = () => 1) {
    super();
    this.#clock = clock;
    this.#random = random;
  }

  /** To be called with the write itself. @returns settles the row */
  commit(tags: readonly string[]): () => void {
    const row = { tags, place: ++this.#place, keptUntilMs: Infinity };
    this.#told.push(row);
    return () => {
      row.keptUntilMs = this.#clock.monotonicMs() + SimulatedOutbox.keptMs;
      this.#told.push({ ...row, place: ++this.#place });
    };
  }

  async follow(mark?: string): Promise<OutboxNews> {
    this.asked++;
    if (this.#random() < 0.3) await pause(this.#clock, this.#random() * 50);
    if (this.#random() < 0.05) throw new Error('the database is away');
    this.#told = this.#told.filter(({ keptUntilMs }) => keptUntilMs > this.#clock.monotonicMs());
    const told = this.#told.filter(({ place, keptUntilMs }) =>
      mark === undefined ? this.tellsAnew(keptUntilMs) : place > Number(mark),
    );
    const news = { mark: String(this.#place), invalidated: told.flatMap(({ tags }) => tags) };
    if (this.#random() < 0.3) await pause(this.#clock, this.#random() * 50);
    return news;
  }

  /** Whether it tells of that without a mark: of what is not settled, or was in the last half of the time that it keeps it. */
  tellsAnew(keptUntilMs: number): boolean {
    return keptUntilMs > this.#clock.monotonicMs() + SimulatedOutbox.keptMs / 2;
  }
}
