/** What closing waits at most for work under way, ms: a method that was given up may never end. */
export const CLOSE_PATIENCE_MS = 5000;

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
