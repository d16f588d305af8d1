import { familyTag, prefixTag, UNLISTED } from '../engine/tags.js';
import { familiesOf, type TagRules } from './tag-rules.js';

interface Cached {
  readonly prefix: string;
  readonly rules: TagRules;
}

/**
 * What takes in every tag that functions could name: the prefixes of all methods that depend on such a tag. It is known
 * before the method has run, when the tags themselves are not.
 *
 * @param rules   of the method that invalidates
 * @param cached  all that the application caches
 */
export function coverOf(rules: TagRules, cached: readonly Cached[]): string[] {
  if (rules.functions.length === 0) return [];
  const met = cached.filter((other) => functionsMayHit(rules, other));
  return [...new Set(met.map(({ prefix }) => prefixTag(prefix))), UNLISTED];
}

/** Whether some call of a method with these rules could invalidate an entry of `cached`. */
export function mayHit(rules: TagRules, cached: Cached): boolean {
  const families = familiesOf(cached.rules);
  const prefixes = [cached.prefix, ...cached.rules.templates.map(({ prefix }) => prefix)];
  return (
    functionsMayHit(rules, cached) ||
    rules.templates.some(({ prefix, plain }) =>
      plain === undefined ? prefixes.includes(prefix) : (families?.has(familyTag(plain)) ?? true),
    )
  );
}

function functionsMayHit({ functions, families }: TagRules, cached: Cached): boolean {
  if (functions.length === 0) return false;
  const used = familiesOf(cached.rules);
  const named = families && new Set(families.map(familyTag));
  // Where nothing is said of a function's tags, they may be of any family.
  return used ? [...used].some((family) => named?.has(family) ?? true) : true;
}
