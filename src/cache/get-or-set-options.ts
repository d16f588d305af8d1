import type { MethodResult } from './decorators/method-entry.js';
import { declaredPolicy, entryOptionNames, type EntryOptions } from './definition/entry-options.js';
import { checkNames, type OptionNames } from './definition/option-names.js';
import { CacheError } from './engine/cache-errors.js';
import { methodKeyText } from './engine/cache-key.js';
import { DEFAULT_PREFIX } from './engine/cache-statistics.js';
import { resultTtlMs, type ResultTtl } from './engine/duration.js';
import { wholeForm, type EntryPolicy } from './engine/entry-policy.js';
import { Subject, type Produced } from './engine/subject.js';
import {
  checkedPrefix,
  checkedTag,
  dependenciesOn,
  patternTags,
  prefixTag,
  prefixTags,
  UNLISTED,
} from './engine/tags.js';
import { encodeValue } from './engine/value-codec.js';

/** What `getOrSet` is told beside the key; what is not said holds as the module says it. */
export interface GetOrSetOptions<T = unknown> extends EntryOptions {
  /**
   * How long the value is good for: seconds, text such as `'45s'`, or a function of the value that returns seconds; 0 or
   * less: it is not kept.
   */
  ttl: ResultTtl<T>;
  /**
   * Groups keys for `invalidate('prefix:*')`; `[a-z0-9_]`; in the statistics only if a `@Cached` method has the same
   * prefix. Default `default`, where everything else is counted, too.
   */
  prefix?: string;
  /** What the value depends on: tags such as `course:PROG-101`, and prefixes such as `student_risk:*`. */
  tags?: readonly string[];
  /** Whether hits are audited: `factory` is called again then, up to seconds later. Default: where there are `tags`. */
  audit?: boolean;
}

/** The same for many keys. */
export interface GetManyOptions<T = unknown> extends Omit<GetOrSetOptions<T>, 'tags'> {
  /** What each value depends on; a function is told the key. */
  tags?: readonly string[] | ((key: string) => readonly string[]);
}

const optionNames: OptionNames<GetOrSetOptions> = {
  ttl: true,
  prefix: true,
  tags: true,
  audit: true,
  ...entryOptionNames,
};

/** What is asked for under a key, and how a value is kept for it. */
interface Keyed<T> {
  readonly subject: Subject;
  /** @throws {CacheError} `CACHE_UNSERIALISABLE` if the value has no stored form */
  readonly kept: (value: T) => Produced<MethodResult>;
}

/** @throws {CacheError} `CACHE_INVALID_OPTIONS` for an option that there is not */
export function checkOptions(options: GetOrSetOptions<never> | GetManyOptions<never>, caller: string): void {
  checkNames(options, optionNames, caller);
}

/**
 * @param caller    who was told the options, for messages
 * @param defaults  what holds where they do not say
 * @throws {CacheError} `CACHE_INVALID_TTL`; `CACHE_INVALID_OPTIONS`, also for a key that is no text, and a prefix or a tag
 *   that nothing could invalidate
 */
export function keyed<T>(
  key: string,
  options: GetOrSetOptions<T>,
  caller: string,
  defaults: EntryPolicy,
): Keyed<T> {
  const { ttl, prefix = DEFAULT_PREFIX, tags = [], audit = tags.length > 0 } = options;
  const where = `${caller}(${prefix})`;
  checkKey(key, where);
  const ttlMs = resultTtlMs(ttl, `${where}, ttl`);
  checkedPrefix(prefix, where);
  for (const tag of tags) checkedTag(tag, where);
  // A function of `@InvalidateCache` may name it, and nobody knows before the method has run.
  const isNameable = tags.length > 0 || prefix !== DEFAULT_PREFIX;
  const subject = new Subject({
    prefix,
    // Who names other tags asks for something else: an entry without them would outlive their invalidation.
    keyText: methodKeyText(prefix, 'getOrSet', [key, ...tags.toSorted()]),
    shape: '',
    policy: { ...defaults, ...declaredPolicy(options, where), audited: audit ? wholeForm : undefined },
    tags: () => [
      ...prefixTags(prefix, [key]),
      ...tags.flatMap(patternTags).flatMap(dependenciesOn),
      ...(isNameable ? [UNLISTED] : []),
    ],
  });
  return { subject, kept: (value) => produced(value, ttlMs, where) };
}

function checkKey(key: unknown, where: string): void {
  if (typeof key === 'string') return;
  throw new CacheError('CACHE_INVALID_OPTIONS', `${where}: the key is text, and not a ${typeof key}.`);
}

/**
 * What makes unusable whatever is kept under a key, with whichever tags.
 *
 * @throws {CacheError} `CACHE_INVALID_OPTIONS` for a key or a prefix that there cannot be
 */
export function keyTag(key: string, prefix = DEFAULT_PREFIX): string {
  checkKey(key, 'delete');
  return prefixTag(checkedPrefix(prefix, 'delete'), [key]);
}

function produced<T>(value: T, ttlMs: (value: T) => number, where: string): Produced<MethodResult> {
  const text = textOf(value, where);
  const made = { value: { text }, isShareable: true };
  try {
    const livesMs = ttlMs(value);
    if (livesMs === 0) return { ...made, notStoredBecause: 'no-ttl' };
    return { ...made, entry: { body: Buffer.from(text), ttlMs: livesMs, resultTags: [] } };
  } catch {
    return { ...made, notStoredBecause: 'rule-failed' };
  }
}

function textOf(value: unknown, where: string): string {
  try {
    return encodeValue(value);
  } catch (error) {
    if (!(error instanceof CacheError)) throw error;
    throw new CacheError(error.code, `${where}: ${error.message}.`);
  }
}
