/** A program may make prefixes up as it runs; those beyond share one countdown. */
const MAX_PREFIXES = 1000;

interface Countdown {
  left: number;
}

/**
 * Takes hits for an audit: of each prefix one of every `1 / rate` at least, at random distances, so that a rhythm of
 * callers does not hide anything, and a busy prefix no other.
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

  /** From half of the longest to the longest. */
  #distance(): number {
    return Math.ceil((this.#longest * (2 - this.#random())) / 2);
  }
}
