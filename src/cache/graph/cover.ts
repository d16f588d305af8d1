import { familiesOf, type TagRules } from '../definition/tag-rules.js';
import type { TagTemplate } from '../definition/tag-template.js';
import { DEFAULT_PREFIX, EPOCH, familyTag, plainTag, prefixTag, UNLISTED } from '../engine/tags.js';

interface Dependent {
  readonly prefix: string;
  readonly rules: TagRules;
}

/**
 * Tags that together cover all that the functions could name: the prefixes of all methods that may depend on any of it.
 * Unlike the tags themselves, they are known before the method has run.
 *
 * @param rules   of the method that invalidates
 * @param cached  all that the application caches
 */
export function coverOf(rules: TagRules, cached: readonly Dependent[]): string[] {
  if (rules.functions.length === 0) return [];
  // Without families the functions may name any prefix.
  const met = rules.families ? cached.filter((other) => functionsMayHit(rules, other)) : cached;
  const prefixes = met.map(({ prefix }) => prefix);
  // `true`: they may name what getOrSet keeps without a prefix. `undefined`: no families are given.
  const meetsDefault = rules.families?.includes(plainTag(DEFAULT_PREFIX));
  // Nothing here depends on it, so it is meant for another application on the same Redis, whose prefixes are not known.
  if (!meetsDefault && !cached.some((other) => functionsMayHit(rules, other))) return [EPOCH];
  if (meetsDefault ?? true) prefixes.push(DEFAULT_PREFIX);
  return [...new Set(prefixes.map((prefix) => prefixTag(prefix))), UNLISTED];
}

/** Whether some call of a method with these rules could invalidate an entry of `cached`. */
export function mayHit(rules: TagRules, cached: Dependent): boolean {
  return (
    functionsMayHit(rules, cached) || rules.templates.some((template) => templateMayHit(template, cached))
  );
}

/** Whether what the template names in some call could invalidate an entry of `cached`. */
export function templateMayHit(template: TagTemplate, { prefix, rules }: Dependent): boolean {
  const { functions, families, templates } = rules;
  const named = template.plain ?? plainTag(template.prefix ?? '');
  const isOfThese = families?.some((family) => familyTag(family) === familyTag(named)) ?? true;
  // A function may name a prefix, too.
  if (functions.length > 0 && isOfThese) return true;
  if (template.prefix === undefined) return templates.some((other) => other.mayEqual(template));
  return template.prefix === prefix || templates.some((other) => other.prefix === template.prefix);
}

/** Whether an entry of `cached` could depend on a plain tag of the same family. */
function mayDependOn({ rules }: Dependent, plainTag: string): boolean {
  return familiesOf(rules)?.has(familyTag(plainTag)) ?? true;
}

/**
 * Whether a tag or a prefix pattern that a function names could invalidate an entry of `cached`.
 *
 * @param family  what the function says its names begin with, as `tag/course`
 */
export function familyMayHit(family: string, cached: Dependent): boolean {
  const prefixes = [cached.prefix, ...cached.rules.templates.map(({ prefix }) => prefix)];
  return mayDependOn(cached, family) || prefixes.some((prefix) => prefix && plainTag(prefix) === family);
}

function functionsMayHit({ functions, families }: TagRules, cached: Dependent): boolean {
  if (functions.length === 0) return false;
  const used = familiesOf(cached.rules);
  // Where nothing is said of a function's tags, they may be of any family.
  if (!families) return used === undefined || used.size > 0;
  return used === undefined || families.some((family) => familyMayHit(family, cached));
}
