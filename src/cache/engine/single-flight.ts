import type { Tokens } from './tokens.js';

/** What a run depends on, as far as that is known while it runs. */
interface Dependencies {
  /** Tags that the result certainly depends on: once one is invalidated, nobody who comes later may have the result. */
  readonly certain: readonly string[];
  /** Families of tags that the result may name. If one is invalidated the result may still be good; its tokens can tell. */
  readonly witnesses: readonly string[];
}

/**
 * A run that is under way.
 *
 * An invalidation by this process overtakes and closes it, and dooms it if the result certainly depends on what was
 * invalidated. One by another process, or a soft one, only overtakes it. It is also closed when a caller who would join it
 * finds its tokens dead, when another run begins, and when it is given up.
 */
export interface Flight<T> {
  readonly dependencies: Dependencies;
  /** Its place in the order in which flights began and callers arrived. */
  readonly order: number;
  /** Its result is not stored. */
  isDoomed: boolean;
  /** Whether something that it depends on, or may, was invalidated meanwhile, here or elsewhere. */
  isOvertaken: boolean;
  /** Nobody joins it who comes from now on: it was overtaken or given up, or another has taken its place. */
  isClosed: boolean;
  /** When the method was called, monotonic ms; before that it has read nothing. */
  calledAtMs: number | undefined;
  /** The tokens it runs under; none if the store could not be asked. */
  tokens: Tokens | undefined;
  /** The tokens under which others had made what it has used. Known when it has ended. */
  used: Tokens;
  /** Gives its lease back early: it is overtaken or closed, and other processes should not wait for it. */
  releaseLease: () => void;
  /** Its result, or failure, is for its own caller only, and those who joined need another run. Known when it has ended. */
  isOwn: boolean;
  /** How many who joined it were given nothing: its caller was refused, or the result is for that caller only. */
  refused: number;
  result: Promise<T>;
  /** Resolves when it has ended or was given up; {@link end} says so. */
  readonly over: Promise<void>;
  readonly end: () => void;
}

/** Runs of one key at a time: one that was overtaken, and its successor. Without a bound each write would begin another. */
const MOST_AT_ONCE = 2;

/**
 * Concurrent callers of one key share one run in this process, unless something it depends on was invalidated since it
 * began: whoever asks after the invalidation must not be given a value from before it.
 */
export class SingleFlight {
  /** The runs under way, by key and in the order in which they began; without those that were given up. */
  readonly #flights = new Map<string, Flight<unknown>[]>();
  #order = 0;

  /** Notes that a caller has come. @returns their place in the order: a flight with a higher one began after they came */
  arrive(): number {
    return ++this.#order;
  }

  /**
   * The flight under `key` that may be joined.
   *
   * @param arrival  of the caller: a flight that began after they came will do for them even if it is closed. Default: now
   */
  find<T>(key: string, arrival = Infinity): Flight<T> | undefined {
    const found = this.#flights.get(key)?.findLast(({ isClosed, order }) => !isClosed || order > arrival);
    return found as Flight<T> | undefined;
  }

  /** The flights under `key`, if there are so many that no further one may begin; else none. */
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
      used: new Map(),
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

  /** Whoever comes from now on, here or in another process, has another run. */
  close(flight: Flight<unknown>): void {
    flight.isClosed = true;
    flight.releaseLease();
  }

  /** As {@link close}, and no longer counts as under way: it may never end. */
  giveUp(key: string, flight: Flight<unknown>): void {
    this.close(flight);
    this.#remove(key, flight);
  }

  /** This process invalidates `tags`: closes every flight that depends on one of them, or may. */
  doom(tags: readonly string[]): void {
    const named = new Set(tags);
    for (const flight of this.#affected(named)) {
      flight.isOvertaken = true;
      flight.isDoomed ||= flight.dependencies.certain.some((tag) => named.has(tag));
      this.close(flight);
    }
  }

  /**
   * `tags` were invalidated elsewhere, or softly: marks every flight that depends on one of them, or may. Whether it may
   * still be joined, its tokens decide.
   */
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
