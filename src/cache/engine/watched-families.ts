import type { Subject } from './subject.js';
import { familyTag, isPlainTag } from './tags.js';

/**
 * Each costs a reading before every method whose result may name tags of any family. For a tag of a family beyond these, any
 * invalidation during the run counts.
 */
const MAX_FAMILIES = 100;

/** Families of tags that results may name. One that was not announced becomes known when a tag of it first comes up. */
export class WatchedFamilies {
  readonly #families = new Set<string>();

  watch(tags: readonly string[]): void {
    for (const tag of tags) {
      if (isPlainTag(tag) && this.#families.size < MAX_FAMILIES) this.#families.add(familyTag(tag));
    }
  }

  /** The tags whose tokens are read before a run, to tell after it whether something that its result names was invalidated. */
  witnessesFor({ furtherTags: { mayBeNamed, families } }: Pick<Subject, 'furtherTags'>): string[] {
    if (!mayBeNamed) return [];
    return [...(families ? new Set(families.map(familyTag)) : this.#families)];
  }
}
