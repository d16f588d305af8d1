import { BoundedMap } from './bounded-map.js';

/** How many tags are remembered. Forgotten invalidations, the oldest, count for every tag. */
const MAX_TAGS = 100_000;

/** The invalidations that this process has heard of. A position is a number that rises with each; it is no time. */
export class InvalidationLog {
  readonly #last = new BoundedMap<number>(MAX_TAGS);
  #position = 0;
  #forgottenUntil = 0;

  /** Of the last one recorded. */
  get position(): number {
    return this.#position;
  }

  record(tags: readonly string[]): void {
    this.#position++;
    for (const tag of tags)
      this.#forgottenUntil = this.#last.set(tag, this.#position) ?? this.#forgottenUntil;
  }

  /** Some may have been missed: counts every tag as invalidated now. */
  forget(): void {
    this.#last.clear();
    this.#forgottenUntil = ++this.#position;
  }

  /** Whether none of `tags` was invalidated after `position`. */
  isQuietSince(position: number, tags: readonly string[]): boolean {
    if (position === this.#position) return true;
    if (position < this.#forgottenUntil) return false;
    return tags.every((tag) => (this.#last.get(tag) ?? 0) <= position);
  }
}
