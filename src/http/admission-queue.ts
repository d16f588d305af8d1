import { Problem } from './problem.js';

type Purpose = 'read' | 'write';

interface Waiter {
  readonly purpose: Purpose;
  readonly sinceMs: number;
  readonly admit: () => void;
  readonly refuse: () => void;
}

/** Places in the queue of a burst, for each that is being served. */
const PLACES = 10;
/** A queue that has not been empty for so long is no burst: more comes than can be served. */
const BURST_MS = 500;
/** How long one may wait then. */
const OVERLOADED_WAIT_MS = 100;
/** How long one waits at all, whatever becomes of those who are being served. */
const MAX_WAIT_MS = 5000;
/** What each that is done counts in the mean. */
const NEWEST = 1 / 16;

/**
 * Serves no more than so many at a time. A burst waits for its turn. Where more comes than can be served, no more wait than
 * will be served soon, and whoever comes then is refused at once, before much is done for him: else all would wait for as
 * long as their clients do, and get answers that nobody reads any more. Reads go before writes, whose clients can send
 * them again later.
 */
export class AdmissionQueue {
  readonly #max: number;
  readonly #now: () => number;
  readonly #waiting: Waiter[] = [];
  #serving = 0;
  #waitingSinceMs = 0;
  #leftAtMs = 0;
  /** Between two that are done, while others wait. */
  #meanMs: number;

  /** @param now  monotonic, ms. Default: `performance.now` */
  constructor(max: number, now: () => number = () => performance.now()) {
    this.#max = max;
    this.#now = now;
    this.#meanMs = OVERLOADED_WAIT_MS / max;
  }

  /** @throws {Problem} `overloaded` if whoever entered now would be refused */
  check(purpose: Purpose): void {
    if (this.#serving < this.#max || this.#waiting.length < this.#places) return;
    if (purpose === 'write' || this.#lastWrite === undefined) throw overloaded();
  }

  /**
   * Who enters must leave.
   *
   * @returns nothing, or what to wait for
   * @throws {Problem} `overloaded`, at once or later; who is refused has not entered
   */
  enter(purpose: Purpose): Promise<void> | undefined {
    if (this.#serving < this.#max) {
      this.#serving++;
      return undefined;
    }
    this.check(purpose);
    if (this.#waiting.length >= this.#places) this.#lastWrite?.refuse();
    const sinceMs = this.#now();
    if (this.#waiting.length === 0) this.#waitingSinceMs = sinceMs;
    return new Promise((resolve, reject) => {
      const end = (how: () => void) => () => {
        clearTimeout(timer);
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        how();
      };
      const refuse = end(() => {
        reject(overloaded());
      });
      const waiter: Waiter = { purpose, sinceMs, admit: end(resolve), refuse };
      const timer = setTimeout(refuse, MAX_WAIT_MS).unref();
      this.#waiting.push(waiter);
    });
  }

  leave(): void {
    const now = this.#now();
    if (this.#waiting.length > 0) {
      const sinceMs = Math.max(this.#leftAtMs, this.#waitingSinceMs);
      this.#meanMs += NEWEST * (now - sinceMs - this.#meanMs);
    }
    this.#leftAtMs = now;
    const next = this.#next();
    if (next) next.admit();
    else this.#serving--;
  }

  #next(): Waiter | undefined {
    if (this.#isBurst) return this.#waiting[0];
    const now = this.#now();
    for (const waiter of this.#waiting.filter(({ sinceMs }) => now - sinceMs > OVERLOADED_WAIT_MS))
      waiter.refuse();
    return this.#waiting.find(({ purpose }) => purpose === 'read') ?? this.#waiting[0];
  }

  get #isBurst(): boolean {
    return this.#waiting.length === 0 || this.#now() - this.#waitingSinceMs <= BURST_MS;
  }

  /** How many may wait. */
  get #places(): number {
    return this.#isBurst ? PLACES * this.#max : Math.max(1, OVERLOADED_WAIT_MS / this.#meanMs);
  }

  get #lastWrite(): Waiter | undefined {
    return this.#waiting.findLast(({ purpose }) => purpose === 'write');
  }
}

function overloaded(): Problem {
  return new Problem('overloaded', 'Too many requests are being worked on.');
}
