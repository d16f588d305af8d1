/** How many tags are remembered one by one; older invalidations count for every tag. */
const MAX_TAGS = 100_000;

/** Which tags were invalidated after which moment, as far as this process has heard. Moments are counted, not timed. */
export class InvalidationLog {
  readonly #last = new Map<string, number>();
  #now = 0;
  #forgottenUntil = 0;

  /** This moment: what is recorded from here on comes after it. */
  mark(): number {
    return this.#now;
  }

  record(tags: readonly string[]): void {
    this.#now++;
    for (const tag of tags) {
      this.#last.delete(tag);
      this.#last.set(tag, this.#now);
    }
    for (const [tag, moment] of this.#last) {
      if (this.#last.size <= MAX_TAGS) break;
      this.#last.delete(tag);
      this.#forgottenUntil = moment;
    }
  }

  /** Anything may have happened up to now. */
  forget(): void {
    this.#last.clear();
    this.#forgottenUntil = ++this.#now;
  }

  /** Whether none of `tags` was invalidated after `moment`. */
  isQuietSince(moment: number, tags: readonly string[]): boolean {
    if (moment === this.#now) return true;
    if (moment < this.#forgottenUntil) return false;
    return tags.every((tag) => (this.#last.get(tag) ?? 0) <= moment);
  }
}
