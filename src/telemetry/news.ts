/** Who reads the log of something that lasts sees that it goes on. */
const REPEAT_AFTER_MS = 60_000;
/** Reasons are codes, and few. */
const MAX_REMEMBERED = 100;

/** Tells what is worth a line of what comes again and again: each reason at once, and once a minute while it comes. */
export class News {
  readonly #toldAtMs = new Map<string, number>();

  /** @returns whether it is to be told now; then it counts as told */
  isNew(reason: string): boolean {
    const now = performance.now();
    if (now - (this.#toldAtMs.get(reason) ?? -Infinity) < REPEAT_AFTER_MS) return false;
    if (this.#toldAtMs.size >= MAX_REMEMBERED) this.#toldAtMs.clear();
    this.#toldAtMs.set(reason, now);
    return true;
  }

  /** It is over: when it comes again, it is news. */
  forget(): void {
    this.#toldAtMs.clear();
  }
}
