/** A program may make up prefixes as it runs: all beyond this number share one countdown. */
const MAX_PREFIXES = 1000;

interface Countdown {
  left: number;
}

/**
 * Chooses the hits to audit: of each prefix at least one in every `1 / rate`. The distances are random, so that regular
 * callers cannot keep some hits from being chosen, and counted for each prefix, so that a busy one cannot hide the others.
 */
export class AuditSampler {
  readonly #countdowns = new Map<string, Countdown>();
  readonly #random: () => number;
  readonly #longest: number;
  readonly #others: Countdown;

  /**
   * @param rate    0 takes none, 1 all
   * @param random  from 0 to below 1
   */
  constructor(rate: number, random: () => number) {
    this.#random = random;
    this.#longest = Math.floor(1 / rate);
    this.#others = { left: this.#distance() };
  }

  /** Called for each hit: whether this is one to take. */
  takes(prefix: string): boolean {
    const countdown = this.#countdowns.get(prefix) ?? this.#meet(prefix);
    if (--countdown.left > 0) return false;
    countdown.left = this.#distance();
    return true;
  }

  #meet(prefix: string): Countdown {
    if (this.#countdowns.size >= MAX_PREFIXES) return this.#others;
    const countdown = { left: this.#distance() };
    this.#countdowns.set(prefix, countdown);
    return countdown;
  }

  #distance(): number {
    return Math.ceil((this.#longest * (2 - this.#random())) / 2);
  }
}
