interface Place<Value> {
  readonly key: string;
  value: Value;
  /** Neighbours in the order in which they were set last. */
  older: Place<Value> | undefined;
  newer: Place<Value> | undefined;
}

/**
 * A map that forgets, beyond so many keys, the one that was set longest ago.
 *
 * The order is its own: a key that is deleted from a Map and set again, to make it the newest, leaves its place in the chain of
 * its bucket until the table is made anew, and is looked for among all its earlier places. In a large table that takes longer
 * than everything else a cache does.
 */
export class BoundedMap<Value> {
  readonly #places = new Map<string, Place<Value>>();
  readonly #most: number;
  #oldest: Place<Value> | undefined;
  #newest: Place<Value> | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#places.size;
  }

  has(key: string): boolean {
    return this.#places.has(key);
  }

  get(key: string): Value | undefined {
    return this.#places.get(key)?.value;
  }

  /** Makes `key` the newest. @returns the value of a key that was forgotten for it */
  set(key: string, value: Value): Value | undefined {
    const known = this.#places.get(key);
    if (known) {
      known.value = value;
      if (known !== this.#newest) {
        this.#unlink(known);
        this.#append(known);
      }
      return undefined;
    }
    const place: Place<Value> = { key, value, older: undefined, newer: undefined };
    this.#places.set(key, place);
    this.#append(place);
    return this.size > this.#most && this.#oldest ? this.#remove(this.#oldest) : undefined;
  }

  delete(key: string): void {
    const place = this.#places.get(key);
    if (place) this.#remove(place);
  }

  clear(): void {
    this.#places.clear();
    this.#oldest = undefined;
    this.#newest = undefined;
  }

  /** From the oldest to the newest. */
  *values(): Generator<Value> {
    for (let place = this.#oldest; place; place = place.newer) yield place.value;
  }

  #remove(place: Place<Value>): Value {
    this.#places.delete(place.key);
    this.#unlink(place);
    return place.value;
  }

  #append(place: Place<Value>): void {
    place.older = this.#newest;
    place.newer = undefined;
    if (this.#newest) this.#newest.newer = place;
    this.#newest = place;
    this.#oldest ??= place;
  }

  #unlink({ older, newer }: Place<Value>): void {
    if (older) older.newer = newer;
    else this.#oldest = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
  }
}
