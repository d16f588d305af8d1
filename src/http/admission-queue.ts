import { Problem } from './problem.js';

type Purpose = 'read' | 'write';

interface Waiter {
  readonly purpose: Purpose;
  readonly admit: () => void;
  readonly refuse: () => void;
}

/** In a burst, how many may wait for each that can be served at a time. */
const PLACES = 10;
/** After this time without a free place it is no burst: more requests come than can be served. */
const BURST_MS = 500;
/** How long a request may wait then. */
const OVERLOADED_WAIT_MS = 100;
/** The longest wait, also in a burst. */
const MAX_WAIT_MS = 5000;

/**
 * Serves a bounded number of requests at a time. A burst waits for its turn. If more requests come than can be served, only
 * those wait that will be served soon, and the others are refused at once, before much is done for them: else all would wait
 * until their clients give up, for answers that nobody reads. Reads go before writes, which clients can send again later.
 */
export class AdmissionQueue {
  readonly #max: number;
  readonly #now: () => number;
  readonly #waiting: Waiter[] = [];
  #serving = 0;
  /** Since when requests have had to wait. */
  #fullSinceMs: number | undefined;
  /** How many were done since `#countedSinceMs`, for the mean. */
  #done = 0;
  #countedSinceMs = 0;
  /** The mean time between the ends of two requests. */
  #meanMs: number;

  /** @param now  monotonic, ms. Default: `performance.now` */
  constructor(max: number, now: () => number = () => performance.now()) {
    this.#max = max;
    this.#now = now;
    this.#meanMs = OVERLOADED_WAIT_MS / max;
  }

  /** How many are being served. */
  get serving(): number {
    return this.#serving;
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** @throws {Problem} `overloaded` if a request that entered now would be refused */
  check(purpose: Purpose): void {
    if (this.#serving < this.#max || this.#waiting.length < this.#places) return;
    if (purpose === 'write' || this.#isBurst || this.#of('write').length === 0) throw overloaded();
  }

  /**
   * A request that has entered must {@link leave}.
   *
   * @returns a promise of the request's turn, or `undefined` if it need not wait
   * @throws {Problem} `overloaded`, at once or later; then it has not entered
   */
  enter(purpose: Purpose): Promise<void> | undefined {
    if (this.#serving < this.#max) {
      this.#serving++;
      return undefined;
    }
    this.check(purpose);
    if (this.#waiting.length >= this.#places) this.#of('write').at(-1)?.refuse();
    if (this.#fullSinceMs === undefined) {
      this.#fullSinceMs = this.#now();
      this.#count(this.#fullSinceMs);
    }
    return new Promise((resolve, reject) => {
      const end = (how: () => void) => () => {
        clearTimeout(timer);
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        how();
      };
      const refuse = end(() => {
        reject(overloaded());
      });
      const waiter: Waiter = { purpose, admit: end(resolve), refuse };
      const timer = setTimeout(refuse, MAX_WAIT_MS).unref();
      this.#waiting.push(waiter);
    });
  }

  leave(): void {
    const now = this.#now();
    this.#done++;
    const countedMs = now - this.#countedSinceMs;
    // Over some time, since many may end at one moment.
    if (this.#fullSinceMs !== undefined && countedMs >= OVERLOADED_WAIT_MS) {
      this.#meanMs = countedMs / this.#done;
      this.#count(now);
    }
    const next = this.#next();
    if (next) {
      next.admit();
      return;
    }
    this.#serving--;
    this.#fullSinceMs = undefined;
  }

  #next(): Waiter | undefined {
    if (this.#isBurst) return this.#waiting[0];
    // Those who came in the burst, and are too many now that it has not ended.
    const surplus = Math.max(0, this.#waiting.length - Math.floor(this.#places));
    for (const waiter of [...this.#of('write'), ...this.#of('read')].slice(0, surplus)) waiter.refuse();
    return this.#of('read')[0] ?? this.#waiting[0];
  }

  #count(fromMs: number): void {
    this.#done = 0;
    this.#countedSinceMs = fromMs;
  }

  get #isBurst(): boolean {
    return this.#fullSinceMs === undefined || this.#now() - this.#fullSinceMs <= BURST_MS;
  }

  /** How many may wait. */
  get #places(): number {
    const places = PLACES * this.#max;
    return this.#isBurst ? places : Math.min(places, Math.max(1, OVERLOADED_WAIT_MS / this.#meanMs));
  }

  #of(purpose: Purpose): Waiter[] {
    return this.#waiting.filter((waiter) => waiter.purpose === purpose);
  }
}

function overloaded(): Problem {
  return new Problem('overloaded', 'Too many requests are being worked on.', { cause: 'in-flight' });
}
