import { hash } from 'node:crypto';
import { CacheError } from './cache-errors.js';

/*
 * A tag names something that answers depend on. In the store each tag has a token; these are the tags' own names there.
 * Beside the single words below there are four kinds, each with a name space of its own, so that no id from a caller can
 * turn a tag of one kind into one of another:
 *   tag/course:PROG-101          named by a decorator
 *   family/course                changes whenever any tag of the family changes
 *   prefix/student_risk/STU001   every entry of a prefix, by leading parameters
 *   below/student_risk           changes whenever a part of student_risk:* is invalidated: for entries that depend on all of it
 */

/** Every entry depends on it; it changes when the store may have come back with old contents. */
export const EPOCH = 'epoch';

/** Every invalidation of a tag changes it, and no entry depends on it: it tells a run whether there was any meanwhile. */
export const ANY = 'any';

/** Tagged entries of methods that were not found at start depend on it, so that a cover can include them. */
export const UNLISTED = 'unlisted';

/** The prefix of what `getOrSet` keeps without one. In figures it also stands for prefixes that no method has. */
export const DEFAULT_PREFIX = 'default';

/**
 * A longer name is hashed, characters: names are kept in memory with their tokens, and callers choose how long an id is, and
 * how much longer it becomes by encoding.
 */
export const LONGEST_NAME = 200;

/** A long tag is hashed. One with what PostgreSQL cannot store, a NUL or half a surrogate pair, loses that and gets a hash. */
export function plainTag(tag: string): string {
  const storable = tag.isWellFormed() && !tag.includes('\0') ? tag : tag.toWellFormed().replaceAll('\0', '');
  if (tag.length <= LONGEST_NAME) return `tag/${storable}${storable === tag ? '' : hashed(tag)}`;
  return `tag/${storable.split(':', 1)[0] ?? ''}:${hashed(tag)}`;
}

/** @param tag a plain tag; its family is the text before the first colon */
export function familyTag(tag: string): string {
  return `family/${tag.slice('tag/'.length).split(':', 1)[0] ?? ''}`;
}

export function isPlainTag(tag: string): boolean {
  return tag.startsWith('tag/');
}

/** Marks a tag as softly invalidated where tags are sent or stored as text. */
export function softTag(tag: string): string {
  return `~${tag}`;
}

/** The tags that an invalidation reaches, hard and soft apart. One that is named both ways is hard. */
export function byHardness(tags: readonly string[]): { hard: string[]; soft: string[] } {
  const softly = tags.filter((tag) => tag.startsWith('~')).map((tag) => tag.slice(1));
  const hard = reached(tags.filter((tag) => !tag.startsWith('~')));
  return { hard: [...hard], soft: [...reached(softly)].filter((tag) => !hard.has(tag)) };
}

/** The tags, and for each part of a prefix the `below/` tags of what contains it. */
function reached(tags: readonly string[]): Set<string> {
  const wholes = tags.flatMap((tag) => (tag.startsWith('prefix/') ? leadingTags(tag).slice(0, -1) : []));
  return new Set([...tags, ...wholes.map(belowTag)]);
}

function belowTag(prefixTag: string): string {
  return `below/${prefixTag.slice('prefix/'.length)}`;
}

/** The tags whose tokens an invalidation of `tags` removes first, whether it is hard or soft: see docs/adr/0003. */
export function witnessesOf(tags: readonly string[]): string[] {
  return [...new Set([...(tags.length > 0 ? [ANY] : []), ...tags.filter(isPlainTag).map(familyTag)])];
}

/** The tags whose tokens an invalidation removes, in this order: see {@link witnessesOf}. */
export function takenAway(hard: readonly string[], soft: readonly string[]): string[] {
  return [...witnessesOf([...hard, ...soft]), ...hard];
}

/** Whether the tag's token only tells of invalidations of other tags, and so must be removed before theirs. */
export function isWitness(tag: string): boolean {
  return tag === ANY || tag.startsWith('family/');
}

/** @param parameters values as received; each is encoded, so a `*` or `/` in an id is only a character */
export function prefixTag(prefix: string, parameters: readonly string[] = []): string {
  // `encodeURIComponent` throws on half a surrogate pair.
  const encoded = parameters.map((value) => encodeURIComponent(value.toWellFormed()));
  const names = encoded.map((name, index) =>
    name.length > LONGEST_NAME ? hashed(parameters[index] ?? '') : name,
  );
  return ['prefix', prefix, ...names].join('/');
}

function hashed(text: string): string {
  return `#${hash('sha256', text, 'base64url')}`;
}

/** The prefix and all its leading parameters: what `p:*`, `p:a:*`, `p:a:b:*` invalidate. */
export function prefixTags(prefix: string, parameters: readonly string[]): string[] {
  return leadingTags(prefixTag(prefix, parameters));
}

/** All that an entry with the tag `tag` depends on: for a prefix tag also each leading part, and all parts below it. */
export function dependenciesOn(tag: string): string[] {
  return tag.startsWith('prefix/') ? [...leadingTags(tag), belowTag(tag)] : [tag];
}

/** For `prefix/p/a`: `prefix/p` and `prefix/p/a`. */
function leadingTags(prefixTag: string): string[] {
  const tags = [];
  let end = prefixTag.indexOf('/', 'prefix/'.length);
  for (; end !== -1; end = prefixTag.indexOf('/', end + 1)) tags.push(prefixTag.slice(0, end));
  return [...tags, prefixTag];
}

/**
 * @param where  where the prefix stands, for the message
 * @throws {CacheError} `CACHE_INVALID_OPTIONS` for other characters than `[a-z0-9_]`: no pattern could name such a prefix
 */
export function checkedPrefix(prefix: string, where: string): string {
  if (/^[a-z0-9_]+$/.test(prefix)) return prefix;
  throw new CacheError(
    'CACHE_INVALID_OPTIONS',
    `${where}: the prefix '${prefix}' may hold only a-z, 0-9 and _.`,
  );
}

/**
 * @param where  as of {@link checkedPrefix}
 * @throws {CacheError} `CACHE_INVALID_OPTIONS` for what is no text, for a tag without a word before its colon, and for a `*`
 *   in that word; what follows may be any id
 */
export function checkedTag(tag: unknown, where: string): string {
  if (typeof tag !== 'string')
    throw new CacheError(
      'CACHE_INVALID_OPTIONS',
      `${where}: a tag or pattern is a text, and no ${typeof tag}.`,
    );
  if (/^[^:*]+(:|$)/.test(tag)) return tag;
  throw new CacheError(
    'CACHE_INVALID_OPTIONS',
    `${where}: '${tag.split(':', 1)[0] ?? ''}' begins no tag (course:PROG-101) and no prefix pattern (student_risk:*).`,
  );
}

/** Each further segment doubles the number of {@link readings}. */
const MOST_SEGMENTS = 4;

/**
 * The tags that a pattern names: the plain tag of that text, and if it ends in `:*`, such as `student_risk:STU001:*`, also
 * the prefix tag, since a tag's id may happen to end so. Ids may hold colons, so `p:a:b:*` names both the ids `a` and `b` and
 * the id `a:b`; with more than four parts all of the prefix.
 *
 * @throws what {@link checkedTag} throws
 */
export function patternTags(pattern: string): string[] {
  checkedTag(pattern, 'invalidate');
  if (!pattern.endsWith(':*')) return [plainTag(pattern)];
  const [prefix = '', ...parameters] = pattern.slice(0, -2).split(':');
  if (parameters.length > MOST_SEGMENTS) return [plainTag(pattern), prefixTag(prefix)];
  return [plainTag(pattern), ...readings(parameters).map((ids) => prefixTag(prefix, ids))];
}

/** Every way to join neighbouring parts into ids, which may hold colons. */
function readings([first, ...rest]: readonly string[]): string[][] {
  if (first === undefined) return [[]];
  if (rest.length === 0) return [[first]];
  return readings(rest).flatMap(([next = '', ...others]) => [
    [first, next, ...others],
    [`${first}:${next}`, ...others],
  ]);
}
