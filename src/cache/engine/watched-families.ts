import type { Subject } from './subject.js';
import { familyTag, isPlainTag } from './tags.js';

/** Each is read before every method whose result names tags of any family; for those beyond, any invalidation counts. */
const MAX_FAMILIES = 100;

/** Families of tags that results have named or may name. Those not announced become known as they come up. */
export class WatchedFamilies {
  readonly #families = new Set<string>();

  watch(tags: readonly string[]): void {
    for (const tag of tags) {
      if (isPlainTag(tag) && this.#families.size < MAX_FAMILIES) this.#families.add(familyTag(tag));
    }
  }

  /** Tags whose tokens tell, afterwards, whether something that a result may name was invalidated. */
  witnessesFor({ furtherTags: { mayBeNamed, families } }: Pick<Subject, 'furtherTags'>): string[] {
    if (!mayBeNamed) return [];
    return [...(families ? new Set(families.map(familyTag)) : this.#families)];
  }
}
