import { familiesOf, type TagRules } from '../definition/tag-rules.js';
import type { TagTemplate } from '../definition/tag-template.js';
import { familyTag, prefixTag, UNLISTED } from '../engine/tags.js';

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
  return (
    functionsMayHit(rules, cached) || rules.templates.some((template) => templateMayHit(template, cached))
  );
}

/** Whether what the template names in some call could invalidate an entry of `cached`. */
export function templateMayHit({ prefix, plain }: TagTemplate, cached: Cached): boolean {
  if (plain !== undefined) return mayDependOn(cached, plain);
  return prefix === cached.prefix || cached.rules.templates.some((other) => other.prefix === prefix);
}

/** Whether an entry of `cached` could depend on a plain tag of the same family. */
export function mayDependOn({ rules }: Cached, plainTag: string): boolean {
  return familiesOf(rules)?.has(familyTag(plainTag)) ?? true;
}

function functionsMayHit({ functions, families }: TagRules, cached: Cached): boolean {
  if (functions.length === 0) return false;
  const used = familiesOf(cached.rules);
  const named = families && new Set(families.map(familyTag));
  // Where nothing is said of a function's tags, they may be of any family.
  return used ? [...used].some((family) => named?.has(family) ?? true) : true;
}
