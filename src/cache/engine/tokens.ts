import type { CacheEntry } from './cache-entry.js';

/** Tag → its token. */
export type Tokens = ReadonlyMap<string, string>;

/** @param tokens as a store gives them, in the order of `tags`; a tag without one is left out */
export function tokensByTag(tags: readonly string[], tokens: readonly (string | undefined)[]): Tokens {
  const pairs = tags.map((tag, index) => [tag, tokens[index]] as const);
  return new Map(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

/** An entry may be served only while every token it was computed under is still the present one. */
export function isAlive(entry: CacheEntry, present: Tokens): boolean {
  return Object.entries(entry.tokens).every(([tag, token]) => present.get(tag) === token);
}
