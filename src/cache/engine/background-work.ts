import { resultWithin, type Clock } from './clock.js';

/** A method that was given up may never end. */
const CLOSE_PATIENCE_MS = 5000;

/** Waits for work under way before the end, for 5 s at most. Until then the process is kept, also where nothing else keeps it. */
export async function beforeTheEnd(clock: Clock, work: Promise<unknown>): Promise<void> {
  const keeper = setInterval(() => undefined, CLOSE_PATIENCE_MS);
  try {
    await resultWithin(clock, CLOSE_PATIENCE_MS, work);
  } finally {
    clearInterval(keeper);
  }
}

/** Work that nobody waits for, until it is done. */
export class BackgroundWork {
  readonly #underWay = new Set<Promise<unknown>>();

  /** @param work  must not reject */
  add(work: Promise<unknown>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  /** @param work  nobody hears what it rejects with */
  addUnheard(work: Promise<unknown>): void {
    this.add(work.catch(() => undefined));
  }

  /** Resolves when nothing is under way any more. */
  async settle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }
}
