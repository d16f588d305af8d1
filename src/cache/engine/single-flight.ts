import type { Tokens } from './tokens.js';

/** What a load depends on, as far as that is known while it runs. */
export interface Dependencies {
  /** Tags that the result certainly depends on: once one is invalidated, the result is worth nothing to anyone later. */
  readonly certain: readonly string[];
  /** Families of tags that the result may turn out to name: then it may be good, but only its tokens can tell. */
  readonly possible: readonly string[];
}

/** A load that is under way. Once doomed its result is not stored, and nobody joins it any more. */
export interface Flight<T> {
  readonly dependencies: Dependencies;
  isDoomed: boolean;
  /** Whether the store has been asked: before that it has read nothing. */
  isOpened: boolean;
  /** The tokens it was opened with; until then, whatever was invalidated was invalidated before it began to read. */
  tokens: Tokens | undefined;
  result: Promise<T>;
}

/**
 * Concurrent callers of one key share one run in this process, unless something it depends on was invalidated since it
 * began: whoever asks after the invalidation must not be given a value from before it.
 */
export class SingleFlight {
  readonly #flights = new Map<string, Flight<unknown>>();

  /** The flight under `key` that may still be joined. */
  find<T>(key: string): Flight<T> | undefined {
    return this.#flights.get(key) as Flight<T> | undefined;
  }

  /** @param run begins at once; its first synchronous part sees the flight already in place */
  start<T>(key: string, dependencies: Dependencies, run: (flight: Flight<T>) => Promise<T>): Flight<T> {
    const result = Promise.resolve() as Promise<never>;
    const flight: Flight<T> = { dependencies, isDoomed: false, isOpened: false, tokens: undefined, result };
    this.#flights.set(key, flight);
    flight.result = run(flight).finally(() => {
      this.forget(key, flight);
    });
    return flight;
  }

  /** Nobody joins this flight any more; another of the same key is left alone. */
  forget(key: string, flight: Flight<unknown>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }

  /** Takes every flight that depends on one of `tags`, or may, out of reach. */
  doom(tags: readonly string[]): void {
    for (const [key, flight] of this.#flights) {
      const { certain, possible } = flight.dependencies;
      flight.isDoomed ||= tags.some((tag) => certain.includes(tag));
      if (flight.isDoomed || tags.some((tag) => possible.includes(tag))) this.#flights.delete(key);
    }
  }

  get size(): number {
    return this.#flights.size;
  }
}
