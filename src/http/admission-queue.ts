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
/** How long a request may wait then; and for so long nobody must have waited until what comes is a burst again. */
const OVERLOADED_WAIT_MS = 100;
/** The longest wait, also in a burst. */
const MAX_WAIT_MS = 5000;
/** With less than this part of the chance of a read writes are served next: they can be sent again, but are not kept out. */
const WRITE_CHANCE = 0.75;
/** What is left of a count after `BURST_MS`: chances are those of the last seconds. */
const REMEMBERED = 0.9;

/**
 * Serves a bounded number of requests at a time. A burst waits for its turn. If more requests come than can be served, only
 * those wait that will be served soon, and the others are refused at once, before much is done for them: else all would wait
 * until their clients give up, for answers that nobody reads. Reads go before writes, which clients can send again later, but
 * not so that hardly any write is served.
 */
export class AdmissionQueue {
  readonly #max: number;
  readonly #now: () => number;
  readonly #waiting: Waiter[] = [];
  #serving = 0;
  /** Since when requests have had to wait, but for moments. */
  #fullSinceMs = 0;
  /** Since when nobody has waited; `Infinity` while somebody does. */
  #freeSinceMs = -Infinity;
  /** How many were done since `#countedSinceMs`, for the mean. */
  #done = 0;
  #countedSinceMs = 0;
  /** The mean time between the ends of two requests. */
  #meanMs: number;
  /** What became of late of those who had to wait, or could not. */
  readonly #counts = { read: { admitted: 0, refused: 0 }, write: { admitted: 0, refused: 0 } };

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
    const isLetIn = purpose === 'write' ? this.#of('write').length < this.#owed : this.#writeInTheWay;
    if (this.#isBurst || !isLetIn) throw this.#refusal(purpose);
  }

  /**
   * A request that has entered must {@link leave}.
   *
   * @returns a promise of the request's turn, or `undefined` if it need not wait
   * @throws {Problem} `overloaded`, at once or later; then it has not entered
   */
  enter(purpose: Purpose): Promise<void> | undefined {
    const now = this.#now();
    // Many may be done at one moment, so that for this moment nobody waits although far more come than can be served.
    const isFree = now - this.#freeSinceMs > OVERLOADED_WAIT_MS;
    if (this.#serving < this.#max) {
      this.#serving++;
      if (!isFree) this.#counts[purpose].admitted++;
      return undefined;
    }
    this.check(purpose);
    if (purpose === 'read' && this.#waiting.length >= this.#places) this.#writeInTheWay?.refuse();
    if (isFree) {
      this.#fullSinceMs = now;
      this.#count(now);
    }
    this.#freeSinceMs = Infinity;
    return new Promise((resolve, reject) => {
      const end = (how: () => void) => () => {
        clearTimeout(timer);
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        how();
      };
      const admit = end(() => {
        this.#counts[purpose].admitted++;
        resolve();
      });
      const refuse = end(() => {
        reject(this.#refusal(purpose));
      });
      const waiter: Waiter = { purpose, admit, refuse };
      const timer = setTimeout(refuse, MAX_WAIT_MS).unref();
      this.#waiting.push(waiter);
    });
  }

  leave(): void {
    const now = this.#now();
    this.#done++;
    const countedMs = now - this.#countedSinceMs;
    // Over some time, since many may end at one moment.
    if (this.#freeSinceMs === Infinity && countedMs >= BURST_MS) {
      this.#meanMs = countedMs / this.#done;
      this.#count(now);
    }
    const next = this.#next();
    if (next) {
      next.admit();
      return;
    }
    this.#serving--;
    this.#freeSinceMs = Math.min(this.#freeSinceMs, now);
  }

  #next(): Waiter | undefined {
    if (this.#isBurst) return this.#waiting[0];
    const due = this.#dueWrites;
    // Those who came in the burst, and are too many now that it has not ended.
    const others = [...this.#of('write').slice(due.length), ...this.#of('read')];
    const surplus = Math.max(0, others.length - Math.floor(this.#places));
    for (const waiter of others.slice(0, surplus)) waiter.refuse();
    return due[0] ?? this.#of('read')[0] ?? this.#waiting[0];
  }

  /** How many more writes would have had to be served for writes to have had their chance; no more than may wait. */
  get #owed(): number {
    const { read, write } = this.#counts;
    const chance = read.admitted / (read.admitted + read.refused || 1);
    const owed = WRITE_CHANCE * chance * (write.admitted + write.refused) - write.admitted;
    return Math.min(Math.max(0, owed), this.#places);
  }

  /** Writes that are served next: they need no places, and give none to reads. */
  get #dueWrites(): Waiter[] {
    return this.#of('write').slice(0, Math.ceil(this.#owed));
  }

  /** A write that gives its place to a read. */
  get #writeInTheWay(): Waiter | undefined {
    return this.#of('write').slice(this.#dueWrites.length).at(-1);
  }

  #refusal(purpose: Purpose): Problem {
    this.#counts[purpose].refused++;
    return new Problem('overloaded', 'Too many requests are being worked on.', { cause: 'in-flight' });
  }

  #count(fromMs: number): void {
    this.#done = 0;
    this.#countedSinceMs = fromMs;
    for (const counts of Object.values(this.#counts)) {
      counts.admitted *= REMEMBERED;
      counts.refused *= REMEMBERED;
    }
  }

  get #isBurst(): boolean {
    return this.#now() - this.#fullSinceMs <= BURST_MS;
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
