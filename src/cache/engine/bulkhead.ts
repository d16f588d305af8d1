import { AsyncScope } from './async-scope.js';
import { CacheError } from './cache-errors.js';
import type { Clock } from './clock.js';
import { LONGEST_WAIT_MS } from './entry-policy.js';

/** What may run while the store is away; who is turned away gets `CACHE_OVERLOADED`, a client 503. */
export interface BulkheadOptions {
  /**
   * How many runs at a time, at least 1; those that a run itself asks for belong to it. One that takes more than 10 s counts
   * no more. Default 32.
   */
  readonly concurrency?: number;
  /** How many may wait for their turn. Default 1,000; 0: nobody. */
  readonly maxWaiting?: number;
  /** How long one may wait, ms. Default 2,000. */
  readonly maxWaitMs?: number;
}

interface Waiter {
  readonly admit: () => void;
  readonly cancel: () => void;
}

/** A place in the bulkhead for a piece of work and all that it calls: taken when first needed, left when the last has ended. */
interface Place {
  readonly bulkhead: Bulkhead;
  users: number;
  entering: Promise<void> | undefined;
  isTaken: boolean;
  /** Called whenever it is taken. */
  readonly onTaken: Set<() => void>;
  /** Cancels the timer after which it counts as left although its work still goes on. */
  cancel: () => void;
}

/** The place of the work that the calling code is part of. */
const current = new AsyncScope<Place>();

/**
 * Lets only so many runs through at a time, and only so many wait. Without it all that the cache otherwise keeps from the
 * database would reach it at once while the store is away.
 */
export class Bulkhead {
  readonly #clock: Clock;
  readonly #options: Required<BulkheadOptions>;
  readonly #waiting = new Set<Waiter>();
  #running = 0;

  constructor(clock: Clock, options: Required<BulkheadOptions>) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Whether the calling code is part of work that has a place here. */
  get isInside(): boolean {
    return this.#own?.isTaken ?? false;
  }

  /**
   * Waits for others' work, but not while the work that the caller is part of has a place for which the others may be waiting:
   * then neither would ever go on.
   *
   * @param mayNeedPlace  whether the others may be waiting for a place; asked once the caller's own work has one
   * @throws what the others' work throws until then
   */
  async waitFor<T>(others: Promise<T>, mayNeedPlace: () => boolean): Promise<T | 'deadlock'> {
    const place = this.#own;
    if (!place) return others;
    let onTaken: () => void = () => undefined;
    const deadlock = new Promise<'deadlock'>((resolve) => {
      onTaken = () => {
        if (mayNeedPlace()) resolve('deadlock');
      };
    });
    place.onTaken.add(onTaken);
    if (place.isTaken) onTaken();
    try {
      return await Promise.race([others, deadlock]);
    } finally {
      place.onTaken.delete(onTaken);
    }
  }

  /**
   * Runs `work` in a place. If the caller is part of work that has one, it shares that: else the part would wait for a place
   * that the whole does not leave before the part is done.
   *
   * @throws {CacheError} `CACHE_OVERLOADED` when too many wait, or when the wait is too long; `work` has not run then
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const place = this.#own;
    if (!place) return this.inOnePlace(() => this.run(work));
    place.users++;
    try {
      await (place.entering ??= this.#enter(place).catch((refusal: unknown) => {
        place.entering = undefined;
        throw refusal;
      }));
      // What it calls is part of it even when whoever began it waits no more.
      return await current.run(place, work);
    } finally {
      this.#release(place);
    }
  }

  /** All that `work` runs in here, at once or one after the other, shares one place. */
  async inOnePlace<T>(work: () => Promise<T>): Promise<T> {
    if (this.#own) return work();
    const place: Place = {
      bulkhead: this,
      users: 1,
      entering: undefined,
      isTaken: false,
      onTaken: new Set(),
      cancel: () => undefined,
    };
    try {
      return await current.run(place, work);
    } finally {
      this.#release(place);
    }
  }

  get #own(): Place | undefined {
    const place = current.current;
    return place?.bulkhead === this ? place : undefined;
  }

  async #enter(place: Place): Promise<void> {
    if (this.#running >= this.#options.concurrency) await this.#turn();
    else this.#running++;
    place.isTaken = true;
    for (const tell of place.onTaken) tell();
    // It may never end. What it begins after that needs a new place.
    place.cancel = this.#clock.schedule(LONGEST_WAIT_MS, () => {
      this.#leave(place);
    });
  }

  /** Resolves when a place has been handed over by somebody who left. */
  #turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.size >= this.#options.maxWaiting) {
        reject(overloaded());
        return;
      }
      const cancel = this.#clock.schedule(this.#options.maxWaitMs, () => {
        this.#waiting.delete(waiter);
        reject(overloaded());
      });
      const waiter = { admit: resolve, cancel };
      this.#waiting.add(waiter);
    });
  }

  #release(place: Place): void {
    place.users--;
    if (place.users === 0) this.#leave(place);
  }

  #leave(place: Place): void {
    place.entering = undefined;
    if (!place.isTaken) return;
    place.cancel();
    place.isTaken = false;
    const [next] = this.#waiting;
    if (!next) {
      this.#running--;
      return;
    }
    this.#waiting.delete(next);
    next.cancel();
    next.admit();
  }
}

function overloaded(): CacheError {
  return new CacheError(
    'CACHE_OVERLOADED',
    'the store is away, and as many answers are being computed and waited for as bulkhead allows. Ask again later.',
  );
}
