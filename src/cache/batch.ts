import { CacheError } from './engine/cache-errors.js';

/** Gives the values of many keys; a key that it leaves out has none. */
export type LoadMany<T> = (
  keys: readonly string[],
) => Promise<ReadonlyMap<string, T>> | ReadonlyMap<string, T>;

/**
 * Loads together what is asked for one by one in the same turn of the event loop. It waits for no more than that: two
 * batches that waited for each other's keys would never end.
 */
export class Batch<T> {
  readonly #load: LoadMany<T>;
  #next: { readonly keys: string[]; readonly values: Promise<ReadonlyMap<string, T>> } | undefined;

  constructor(load: LoadMany<T>) {
    this.#load = load;
  }

  /** @throws whatever the load of its batch throws */
  async valueOf(key: string): Promise<T | undefined> {
    const batch = (this.#next ??= this.#begin());
    batch.keys.push(key);
    return (await batch.values).get(key);
  }

  #begin() {
    const keys: string[] = [];
    const values = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      this.#next = undefined;
      return this.#load(keys);
    });
    return { keys, values: values.then(asMap) };
  }
}

/** What comes from JavaScript need not be what the type says; a record would be one where every key is left out. */
function asMap<T>(given: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  if (typeof (given as Partial<typeof given> | undefined)?.get === 'function') return given;
  throw new CacheError('CACHE_INVALID_OPTIONS', 'getMany: load returned no Map.');
}
