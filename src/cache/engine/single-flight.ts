import type { Tokens } from './tokens.js';

/** What a run depends on, as far as that is known while it runs. */
export interface Dependencies {
  /** Tags that the result certainly depends on: once one is invalidated, the result is worth nothing to anyone later. */
  readonly certain: readonly string[];
  /** Families of tags that the result may turn out to name: then it may be good, but only its tokens can tell. */
  readonly witnesses: readonly string[];
}

/** A run that is under way. Once doomed its result is not stored, and nobody joins it any more. */
export interface Flight<T> {
  readonly dependencies: Dependencies;
  /** Its place in the order in which flights began and callers arrived. */
  readonly order: number;
  isDoomed: boolean;
  /** Whether something that it depends on, or may, was invalidated meanwhile, here or elsewhere. */
  isOvertaken: boolean;
  /** When the method was called, monotonic ms; before that it has read nothing. */
  calledAtMs: number | undefined;
  /** The tokens it runs under; none if the store could not be asked. */
  tokens: Tokens | undefined;
  /** Called when others need not wait for it any more: it is overtaken, nobody can vouch for it, or it takes too long. */
  onOvertaken: () => void;
  /** What it gives, also a failure, is its own caller's: others have a run of theirs. Known when it has ended. */
  isOwn: boolean;
  /** How many who joined it were given nothing: its caller was refused, or the result is that caller's own. */
  refused: number;
  result: Promise<T>;
}

/**
 * Concurrent callers of one key share one run in this process, unless something it depends on was invalidated since it
 * began: whoever asks after the invalidation must not be given a value from before it.
 */
export class SingleFlight {
  readonly #flights = new Map<string, Flight<unknown>>();
  #order = 0;

  /** A caller's place in that order: a flight with a higher one began after they came. */
  arrive(): number {
    return ++this.#order;
  }

  /** The flight under `key` that may still be joined. */
  find<T>(key: string): Flight<T> | undefined {
    return this.#flights.get(key) as Flight<T> | undefined;
  }

  /** @param run begins at once; its first synchronous part sees the flight already in place */
  start<T>(key: string, dependencies: Dependencies, run: (flight: Flight<T>) => Promise<T>): Flight<T> {
    const flight: Flight<T> = {
      dependencies,
      order: ++this.#order,
      isDoomed: false,
      isOvertaken: false,
      calledAtMs: undefined,
      tokens: undefined,
      onOvertaken: () => undefined,
      isOwn: false,
      refused: 0,
      result: Promise.resolve() as Promise<never>,
    };
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

  /** As {@link forget}, and tells whoever runs it that others need not wait. */
  giveUp(key: string, flight: Flight<unknown>): void {
    this.forget(key, flight);
    flight.onOvertaken();
  }

  /** Takes every flight that depends on one of `tags`, or may as far as is known of it, out of reach. */
  doom(tags: readonly string[]): void {
    const named = new Set(tags);
    for (const [key, flight] of this.#affected(named)) {
      flight.isOvertaken = true;
      flight.isDoomed ||= flight.dependencies.certain.some((tag) => named.has(tag));
      this.giveUp(key, flight);
    }
  }

  /** Tells every flight that depends on one of `tags`, or may. Whether it is joined its tokens decide. */
  overtake(tags: readonly string[]): void {
    for (const [, flight] of this.#affected(new Set(tags))) {
      flight.isOvertaken = true;
      flight.onOvertaken();
    }
  }

  #affected(tags: ReadonlySet<string>): [string, Flight<unknown>][] {
    const isNamed = ({ dependencies: { certain, witnesses } }: Flight<unknown>) =>
      certain.some((tag) => tags.has(tag)) || witnesses.some((tag) => tags.has(tag));
    return [...this.#flights].filter(([, flight]) => isNamed(flight));
  }
}
