import type { Tokens } from './tokens.js';

/** What a run depends on, as far as that is known while it runs. */
interface Dependencies {
  /** Tags that the result certainly depends on: once one is invalidated, the result is worth nothing to anyone later. */
  readonly certain: readonly string[];
  /** Families of tags that the result may turn out to name: then it may be good, but only its tokens can tell. */
  readonly witnesses: readonly string[];
}

/**
 * A run that is under way. An invalidation by this process closes and overtakes it, and dooms it if it depends on that for
 * certain; one that is heard of, or soft, only overtakes it. It is closed as well by who would join and finds its tokens
 * gone, by who begins another, and by who gives it up.
 */
export interface Flight<T> {
  readonly dependencies: Dependencies;
  /** Its place in the order in which flights began and callers arrived. */
  readonly order: number;
  /** Nothing of it is stored. */
  isDoomed: boolean;
  /** Whether something that it depends on, or may, was invalidated meanwhile, here or elsewhere. */
  isOvertaken: boolean;
  /** Nobody joins it who comes from now on: it was overtaken or given up, or another has taken its place. */
  isClosed: boolean;
  /** When the method was called, monotonic ms; before that it has read nothing. */
  calledAtMs: number | undefined;
  /** The tokens it runs under; none if the store could not be asked. */
  tokens: Tokens | undefined;
  /** Others elsewhere need not wait for it: it is overtaken, nobody can vouch for it, or it takes too long. */
  releaseLease: () => void;
  /** What it gives, also a failure, is its own caller's: others have a run of theirs. Known when it has ended. */
  isOwn: boolean;
  /** How many who joined it were given nothing: its caller was refused, or the result is that caller's own. */
  refused: number;
  result: Promise<T>;
  /** Resolves when it has ended or was given up; {@link end} says so. */
  readonly over: Promise<void>;
  readonly end: () => void;
}

/** So many at a time of one key: one that was overtaken, and its successor. More would be as many as there are writes. */
const MOST_AT_ONCE = 2;

/**
 * Concurrent callers of one key share one run in this process, unless something it depends on was invalidated since it
 * began: whoever asks after the invalidation must not be given a value from before it.
 */
export class SingleFlight {
  /** Those under way by key, in the order in which they began; without those that were given up. */
  readonly #flights = new Map<string, Flight<unknown>[]>();
  #order = 0;

  /** A caller's place in that order: a flight with a higher one began after they came. */
  arrive(): number {
    return ++this.#order;
  }

  /**
   * The flight under `key` that may be joined.
   *
   * @param arrival  of who asks: one that began after they came will do for them, also when it is closed. Default: now
   */
  find<T>(key: string, arrival = Infinity): Flight<T> | undefined {
    const found = this.#flights.get(key)?.findLast(({ isClosed, order }) => !isClosed || order > arrival);
    return found as Flight<T> | undefined;
  }

  /** All that are under way under `key`, if there are so many that no other may begin beside them; else none. */
  crowd(key: string): readonly Flight<unknown>[] {
    const flights = this.#flights.get(key) ?? [];
    return flights.length < MOST_AT_ONCE ? [] : flights;
  }

  /** @param run begins at once; its first synchronous part sees the flight already in place */
  start<T>(key: string, dependencies: Dependencies, run: (flight: Flight<T>) => Promise<T>): Flight<T> {
    let end: () => void = () => undefined;
    const over = new Promise<void>((resolve) => (end = resolve));
    const flight: Flight<T> = {
      dependencies,
      order: ++this.#order,
      isDoomed: false,
      isOvertaken: false,
      isClosed: false,
      calledAtMs: undefined,
      tokens: undefined,
      releaseLease: () => undefined,
      isOwn: false,
      refused: 0,
      result: Promise.resolve() as Promise<never>,
      over,
      end,
    };
    const others = this.#flights.get(key) ?? [];
    for (const other of others) other.isClosed = true;
    this.#flights.set(key, [...others, flight]);
    flight.result = run(flight).finally(() => {
      this.#remove(key, flight);
    });
    return flight;
  }

  /** Who comes from now on has another, here and elsewhere. */
  close(flight: Flight<unknown>): void {
    flight.isClosed = true;
    flight.releaseLease();
  }

  /** As {@link close}, and counts as over: it may never end. */
  giveUp(key: string, flight: Flight<unknown>): void {
    this.close(flight);
    this.#remove(key, flight);
  }

  /** Closes every flight that depends on one of `tags`, or may as far as is known of it. */
  doom(tags: readonly string[]): void {
    const named = new Set(tags);
    for (const flight of this.#affected(named)) {
      flight.isOvertaken = true;
      flight.isDoomed ||= flight.dependencies.certain.some((tag) => named.has(tag));
      this.close(flight);
    }
  }

  /** Tells every flight that depends on one of `tags`, or may. Whether it is joined its tokens decide. */
  overtake(tags: readonly string[]): void {
    for (const flight of this.#affected(new Set(tags))) {
      flight.isOvertaken = true;
      flight.releaseLease();
    }
  }

  #remove(key: string, flight: Flight<unknown>): void {
    const others = this.#flights.get(key)?.filter((other) => other !== flight) ?? [];
    if (others.length > 0) this.#flights.set(key, others);
    else this.#flights.delete(key);
    flight.end();
  }

  #affected(tags: ReadonlySet<string>): Flight<unknown>[] {
    const isNamed = ({ dependencies: { certain, witnesses } }: Flight<unknown>) =>
      certain.some((tag) => tags.has(tag)) || witnesses.some((tag) => tags.has(tag));
    return [...this.#flights.values()].flat().filter(isNamed);
  }
}
