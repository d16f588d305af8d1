import { hash } from 'node:crypto';
import type { Observable } from 'rxjs';
import { CacheError } from '../engine/cache-errors.js';
import { ignoringRejection } from '../engine/ignoring-rejection.js';
import { checkedTag, dependenciesOn, familyTag, patternTags, plainTag } from '../engine/tags.js';
import type { Faults } from './faults.js';
import { TagTemplate, type Resolve } from './tag-template.js';

/** The least that the type of a decorated method may say. */
export type AnyMethod = (...args: never[]) => unknown;

/** The type of the value that a method's promise, thenable or Observable gives. */
export type ResultOf<M extends AnyMethod> =
  Awaited<ReturnType<M>> extends Observable<infer Value> ? Value : Awaited<ReturnType<M>>;

/** A template such as `course:{course_id}`, or a function of arguments and result that names tags and prefix patterns. */
export type TagSource<M extends AnyMethod = AnyMethod> =
  | string
  | ((args: Parameters<M>, result: ResultOf<M>) => readonly string[]);

/** Tag sources, sorted by when their tags are known. */
export interface TagRules {
  readonly templates: readonly TagTemplate[];
  readonly functions: readonly ((args: readonly unknown[], result: unknown) => readonly string[])[];
  /** The families of the tags that the functions name, as `tag/course`; `undefined` if none were given. */
  readonly families: readonly string[] | undefined;
  /**
   * A hash of the functions' texts, `''` if there are none. An entry of a version with other functions may lack a tag, which
   * could not be noticed otherwise; with other templates its tags show it.
   */
  readonly signature: string;
}

/** @param givenFamilies  words such as `course`: the families of the tags that functions name */
export function tagRules(
  given: TagSource | readonly TagSource[],
  givenFamilies: readonly string[] | undefined,
  where: string,
  faults: Faults,
): TagRules {
  const sources = [given].flat() as readonly TagSource[];
  // From JavaScript it may be a single one.
  const families = givenFamilies && [givenFamilies].flat();
  const odd = families?.find((family) => !/^[^:*{}]+$/.test(family));
  if (odd !== undefined) {
    faults.add(
      'CACHE_INVALID_OPTIONS',
      `${where}: '${odd}' is no family of tags. A family is the word before the colon: course.`,
    );
  }
  if (sources.some((source) => !['string', 'function'].includes(typeof source))) {
    faults.add('CACHE_INVALID_OPTIONS', `${where}: tags are texts, and functions that return texts.`);
  }
  const functions = sources.filter((source) => typeof source === 'function');
  return {
    templates: sources
      .filter((source) => typeof source === 'string')
      .map((text) => faults.attempt(() => new TagTemplate(text, where)))
      .filter((template) => template !== undefined),
    functions: functions as unknown as TagRules['functions'],
    families: families?.map(plainTag),
    signature:
      functions.length === 0
        ? ''
        : hash('sha256', JSON.stringify([functions.map(String), families]), 'base64url').slice(0, 8),
  };
}

/** The families of plain tags that the rules can name, as `family/course`; `undefined` where a function may name any. */
export function familiesOf(rules: TagRules): ReadonlySet<string> | undefined {
  if (rules.functions.length > 0 && !rules.families) return undefined;
  return new Set(plainTagsOf(rules).map(familyTag));
}

/** The word before the colon: `course` of `tag/course` and of `tag/course:{course_id}`. */
export function familyName(plainTag: string): string {
  return familyTag(plainTag).slice('family/'.length);
}

/** The plain tags of the rules before any call: `tag/course:{course_id}` for a template, `tag/course` for a family. */
export function plainTagsOf({ templates, families = [] }: TagRules): string[] {
  return [...templates.map((template) => template.plain).filter((tag) => tag !== undefined), ...families];
}

/** @throws {CacheError} `CACHE_INVALID_OPTIONS` if something cannot be named */
export function argumentTags(rules: TagRules, resolve: Resolve): string[] {
  return rules.templates.flatMap((template) => template.expand(resolve));
}

/** All that an entry depends on by the templates. @throws what {@link argumentTags} throws */
export function dependencies(rules: TagRules, resolve: Resolve): string[] {
  return argumentTags(rules, resolve).flatMap(dependenciesOn);
}

/**
 * All that an entry depends on by the functions.
 *
 * @throws {CacheError} `CACHE_INVALID_OPTIONS` for what is neither a tag nor a prefix pattern, or is of another family than
 *   declared; what a function throws
 */
export function resultDependencies(rules: TagRules, args: readonly unknown[], result: unknown): string[] {
  return invalidatedByResult(rules, args, result).flatMap(dependenciesOn);
}

/** All that a call invalidates by the functions. @throws what {@link resultDependencies} throws */
export function invalidatedByResult(rules: TagRules, args: readonly unknown[], result: unknown): string[] {
  return namedByFunctions(rules, args, result).flatMap(patternTags);
}

function namedByFunctions(rules: TagRules, args: readonly unknown[], result: unknown): string[] {
  const names = rules.functions.flatMap((of) => ignoringRejection(of(args, result)));
  for (const name of names) checkedTag(name, 'a function');
  const declared = rules.families && new Set(rules.families.map(familyTag));
  const stranger = declared && names.find((name) => !declared.has(familyTag(plainTag(name))));
  if (stranger === undefined) return names;
  throw new CacheError('CACHE_INVALID_OPTIONS', `a function named '${stranger}', of no declared family`);
}
