import { Problem } from './problem.js';

type Purpose = 'read' | 'write';

interface Waiter {
  readonly purpose: Purpose;
  readonly sinceMs: number;
  readonly admit: () => void;
  readonly refuse: () => void;
}

/** Places in the queue for each that is being served. */
const PLACES = 10;
/** A queue that has not been empty for so long is no burst: more comes than can be served. */
const BURST_MS = 500;
/** How long one may have waited then. */
const OVERLOADED_WAIT_MS = 100;
/** How long one waits at all, whatever becomes of those who are being served. */
const MAX_WAIT_MS = 5000;

/**
 * Serves no more than so many at a time. A burst waits for its turn. Where more comes than can be served, reads go before
 * writes, whose clients can send them again later; of each whoever comes last is served first, and whoever has waited is
 * refused: else all would wait for as long as their clients do, and get answers that nobody reads any more.
 */
export class AdmissionQueue {
  readonly #max: number;
  readonly #now: () => number;
  readonly #waiting: Waiter[] = [];
  #serving = 0;
  #waitingSinceMs = 0;

  /** @param now  monotonic, ms. Default: `performance.now` */
  constructor(max: number, now: () => number = () => performance.now()) {
    this.#max = max;
    this.#now = now;
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
    if (this.#waiting.length >= PLACES * this.#max) throw overloaded();
    const sinceMs = this.#now();
    if (this.#waiting.length === 0) this.#waitingSinceMs = sinceMs;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        waiter.refuse();
      }, MAX_WAIT_MS).unref();
      const waiter: Waiter = {
        purpose,
        sinceMs,
        admit: () => {
          clearTimeout(timer);
          resolve();
        },
        refuse: () => {
          clearTimeout(timer);
          reject(overloaded());
        },
      };
      this.#waiting.push(waiter);
    });
  }

  leave(): void {
    const next = this.#next();
    if (next) next.admit();
    else this.#serving--;
  }

  #next(): Waiter | undefined {
    const now = this.#now();
    if (now - this.#waitingSinceMs <= BURST_MS) return this.#waiting.shift();
    const isLate = ({ sinceMs }: Waiter) => now - sinceMs > OVERLOADED_WAIT_MS;
    const inTime = this.#waiting.findIndex((waiter) => !isLate(waiter));
    for (const waiter of this.#waiting.splice(0, inTime === -1 ? this.#waiting.length : inTime))
      waiter.refuse();
    const read = this.#waiting.findLastIndex(({ purpose }) => purpose === 'read');
    const [next] = this.#waiting.splice(read === -1 ? this.#waiting.length - 1 : read, 1);
    return next;
  }
}

function overloaded(): Problem {
  return new Problem('overloaded', 'Too many requests are being worked on.');
}
