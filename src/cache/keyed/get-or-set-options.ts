import { entryOptionNames, type EntryOptions } from '../definition/entry-options.js';
import { checkNames, type OptionNames } from '../definition/option-names.js';
import type { ResultTtl } from '../engine/duration.js';

/** Who takes the options. */
export type KeyedCaller = 'getOrSet' | 'getMany';

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
  /** What the value depends on, one or more: tags such as `course:PROG-101`, and prefixes such as `student_risk:*`. */
  tags?: string | readonly string[];
  /** Whether hits are audited: `factory` is called again then, up to seconds later. Default: where there are `tags`. */
  audit?: boolean;
  /** Names the form of the values; change it with the form, or processes of before and after read each other's. Default: none. */
  shape?: string;
  /**
   * Whether `factory` runs in this call whatever is kept; what it gives is kept for all, and what it throws is thrown, also
   * within grace. Default false.
   */
  renew?: boolean;
}

/** The same for many keys. */
export interface GetManyOptions<T = unknown> extends Omit<GetOrSetOptions<T>, 'tags' | 'renew'> {
  /** What each value depends on; a function is told the key. */
  tags?: string | readonly string[] | ((key: string) => string | readonly string[]);
}

const manyOptionNames: OptionNames<GetManyOptions> = {
  ttl: true,
  prefix: true,
  tags: true,
  audit: true,
  shape: true,
  ...entryOptionNames,
};
const optionNames: Readonly<Record<KeyedCaller, Readonly<Record<string, true>>>> = {
  getOrSet: { ...manyOptionNames, renew: true } satisfies OptionNames<GetOrSetOptions>,
  getMany: manyOptionNames,
};

/** @throws {CacheError} `CACHE_INVALID_OPTIONS` for an option that there is not */
export function checkOptions(options: object, caller: KeyedCaller): void {
  checkNames(options, optionNames[caller], caller);
}
