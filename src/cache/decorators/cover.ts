import { familyTag, prefixTag, UNLISTED } from '../engine/tags.js';
import { familiesOf, type TagRules } from './tag-rules.js';

/**
 * What takes in every tag that functions could name: the prefixes of all methods that depend on such a tag. It is known
 * before the method has run, when the tags themselves are not.
 *
 * @param rules   of the method that invalidates
 * @param cached  all that the application caches
 */
export function coverOf(rules: TagRules, cached: readonly { prefix: string; rules: TagRules }[]): string[] {
  if (rules.functions.length === 0) return [];
  const named = rules.families && new Set(rules.families.map(familyTag));
  const met = cached.filter((other) => meet(named, familiesOf(other.rules)));
  return [...new Set(met.map(({ prefix }) => prefixTag(prefix))), UNLISTED];
}

/** Whether they have a family in common; `undefined` stands for any family. */
function meet(named: ReadonlySet<string> | undefined, used: ReadonlySet<string> | undefined): boolean {
  if (!used) return true;
  return [...used].some((family) => named?.has(family) ?? true);
}
