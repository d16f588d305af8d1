import { systemClock, type Clock } from './clock.js';

/** Who reads the log of something that lasts sees that it goes on. */
const REPEAT_AFTER_MS = 60_000;
/** A program that makes names up must not fill the memory; beyond so many, repeats are not known as such. */
const MAX_REMEMBERED = 1000;

/** Says of a text that comes again and again whether to write it down now: at once, and once a minute while it comes. */
export class News {
  readonly #toldAtMs = new Map<string, number>();
  readonly #clock: Pick<Clock, 'monotonicMs'>;

  constructor(clock: Pick<Clock, 'monotonicMs'> = systemClock) {
    this.#clock = clock;
  }

  /** @returns whether it is to be told now; then it counts as told */
  isNew(text: string): boolean {
    const now = this.#clock.monotonicMs();
    if (now - (this.#toldAtMs.get(text) ?? -Infinity) < REPEAT_AFTER_MS) return false;
    if (this.#toldAtMs.size >= MAX_REMEMBERED) this.#toldAtMs.clear();
    this.#toldAtMs.set(text, now);
    return true;
  }

  /** It is over: when it comes again, it is news. */
  forget(): void {
    this.#toldAtMs.clear();
  }
}
