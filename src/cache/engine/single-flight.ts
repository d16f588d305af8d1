/** A load that is under way. Once doomed its result is not stored, and nobody joins it any more. */
export interface Flight<T> {
  readonly tags: ReadonlySet<string>;
  isDoomed: boolean;
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
  start<T>(key: string, tags: readonly string[], run: (flight: Flight<T>) => Promise<T>): Flight<T> {
    const flight: Flight<T> = {
      tags: new Set(tags),
      isDoomed: false,
      result: Promise.resolve() as Promise<never>,
    };
    this.#flights.set(key, flight);
    flight.result = run(flight).finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    return flight;
  }

  /** Takes every flight that depends on one of `tags` out of reach. */
  doom(tags: readonly string[]): void {
    for (const [key, flight] of this.#flights) {
      if (!tags.some((tag) => flight.tags.has(tag))) continue;
      flight.isDoomed = true;
      this.#flights.delete(key);
    }
  }

  get size(): number {
    return this.#flights.size;
  }
}
