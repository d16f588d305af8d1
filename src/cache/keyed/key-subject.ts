import { declaredPolicy } from '../definition/entry-options.js';
import { CacheError } from '../engine/cache-errors.js';
import { methodKeyText } from '../engine/cache-key.js';
import { resultTtlMs } from '../engine/duration.js';
import { wholeForm, type EntryPolicy } from '../engine/entry-policy.js';
import { Subject } from '../engine/subject.js';
import {
  checkedPrefix,
  checkedTag,
  DEFAULT_PREFIX,
  dependenciesOn,
  patternTags,
  prefixTag,
  prefixTags,
  UNLISTED,
} from '../engine/tags.js';
import { VALUE_FORM } from '../engine/value-codec.js';
import {
  checkOptions,
  type GetManyOptions,
  type GetOrSetOptions,
  type KeyedCaller,
} from './get-or-set-options.js';

/** What a call of `getOrSet` or `getMany` says of all its keys. */
interface KeyRules<T> {
  /** Who was told, for messages. */
  readonly where: string;
  readonly prefix: string;
  readonly shape: string;
  readonly policy: EntryPolicy;
  readonly audit: boolean | undefined;
  ttlMs(value: T): number;
}

/**
 * @param defaults  what holds where the options do not say
 * @throws {CacheError} `CACHE_INVALID_TTL`; `CACHE_INVALID_OPTIONS`, also for a prefix that nothing could invalidate
 */
export function keyRules<T>(
  options: GetOrSetOptions<T> | GetManyOptions<T>,
  caller: KeyedCaller,
  defaults: EntryPolicy,
): KeyRules<T> {
  checkOptions(options, caller);
  const { ttl, prefix = DEFAULT_PREFIX, shape = '', audit } = options;
  const where = `${caller}(${prefix})`;
  return {
    where,
    prefix: checkedPrefix(prefix, where),
    shape: [VALUE_FORM, shape].join(' '),
    policy: { ...defaults, ...declaredPolicy(options, where) },
    audit,
    ttlMs: resultTtlMs(ttl, `${where}, ttl`),
  };
}

/** @throws {CacheError} `CACHE_INVALID_OPTIONS` for a key that is no text, and a tag that nothing could invalidate */
export function keySubject(
  { where, prefix, shape, policy, audit }: KeyRules<never>,
  key: string,
  given: string | readonly string[] = [],
): Subject {
  checkKey(key, where);
  const tags = [given].flat();
  for (const tag of tags) checkedTag(tag, where);
  // A function of `@InvalidateCache` may name it, and nobody knows before the method has run.
  const isNameable = tags.length > 0 || prefix !== DEFAULT_PREFIX;
  return new Subject({
    prefix,
    // Who names other tags asks for something else: an entry without them would outlive their invalidation.
    keyText: methodKeyText(prefix, 'getOrSet', [key, ...tags.toSorted()]),
    shape,
    policy: { ...policy, audited: (audit ?? tags.length > 0) ? wholeForm : undefined },
    tags: () => [
      ...prefixTags(prefix, [key]),
      ...tags.flatMap(patternTags).flatMap(dependenciesOn),
      ...(isNameable ? [UNLISTED] : []),
    ],
  });
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

function checkKey(key: unknown, where: string): void {
  if (typeof key === 'string') return;
  throw new CacheError('CACHE_INVALID_OPTIONS', `${where}: the key is text, and not a ${typeof key}.`);
}
