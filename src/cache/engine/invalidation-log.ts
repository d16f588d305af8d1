/** How many tags are remembered one by one; older invalidations count for every tag. */
const MAX_TAGS = 100_000;

/** Which tags were invalidated after which position, as far as this process has heard. Positions are counted, not timed. */
export class InvalidationLog {
  readonly #last = new Map<string, number>();
  #position = 0;
  #forgottenUntil = 0;

  /** What is recorded from here on comes after it. */
  get position(): number {
    return this.#position;
  }

  record(tags: readonly string[]): void {
    this.#position++;
    for (const tag of tags) {
      this.#last.delete(tag);
      this.#last.set(tag, this.#position);
    }
    for (const [tag, position] of this.#last) {
      if (this.#last.size <= MAX_TAGS) break;
      this.#last.delete(tag);
      this.#forgottenUntil = position;
    }
  }

  /** Anything may have happened up to now. */
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
