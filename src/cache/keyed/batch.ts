// Not the global one: see `Turn`.
import { setImmediate } from 'node:timers';
import { CacheError } from '../engine/cache-errors.js';
import { CurrentRun, type Spoiled } from '../engine/current-run.js';
import type { Tokens } from '../engine/tokens.js';

/** Gives the values of many keys; a key that it leaves out has none. */
export type LoadMany<T> = (
  keys: readonly string[],
) => Promise<ReadonlyMap<string, T>> | ReadonlyMap<string, T>;

interface NextBatch<T> {
  readonly keys: string[];
  readonly loaded: Promise<LoadedBatch<T>>;
}

interface LoadedBatch<T> {
  readonly values: ReadonlyMap<string, T>;
  readonly used: Tokens;
  readonly spoiledBy: Spoiled | undefined;
}

/**
 * Loads together what is asked for one by one in the same turn of the event loop. It waits for no more than that: two
 * batches that waited for each other's keys would never end.
 */
export class Batch<T> {
  readonly #load: LoadMany<T>;
  /** The run that `getMany` was called in. Loads are inside of it, so whatever spoils one has spoiled this already. */
  readonly #around = CurrentRun.around;
  /** Runs that wait for a load: what the load calls must not wait for them. */
  readonly #waiting = new Set<CurrentRun>();
  #next: NextBatch<T> | undefined;

  constructor(load: LoadMany<T>) {
    this.#load = load;
  }

  /** @throws whatever the load of its batch throws */
  async get(key: string): Promise<T | undefined> {
    const batch = (this.#next ??= this.#begin());
    const { around } = CurrentRun;
    batch.keys.push(key);
    if (around) this.#waiting.add(around);
    try {
      const { values, used, spoiledBy } = await batch.loaded;
      around?.noteUsed(used);
      if (spoiledBy) around?.spoil(spoiledBy, this.#around);
      return values.get(key);
    } finally {
      if (around) this.#waiting.delete(around);
    }
  }

  #begin(): NextBatch<T> {
    const keys: string[] = [];
    const loaded = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      this.#next = undefined;
      // One run for all of them: what is wrong with it is wrong with each.
      return CurrentRun.make(
        { owner: this, keyText: '', isShared: false, others: this.#waiting },
        async (run) => {
          const values = asMap(await this.#load(keys));
          return { values, used: run.used, spoiledBy: run.spoiledBy };
        },
      );
    });
    return { keys, loaded };
  }
}

/** From JavaScript it may be something else: a plain object would be taken for a Map that leaves out every key. */
function asMap<T>(given: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  if (typeof (given as Partial<typeof given> | undefined)?.get === 'function') return given;
  throw new CacheError('CACHE_INVALID_OPTIONS', 'getMany: load returned no Map.');
}
