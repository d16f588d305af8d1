import { entryOptionNames, type EntryOptions } from '../definition/entry-options.js';
import { checkNames, type OptionNames } from '../definition/option-names.js';
import type { ResultTtl } from '../engine/duration.js';

/** Who takes the options. */
export type KeyedCaller = 'getOrSet' | 'getMany';

/** Options of `getOrSet`. Those of {@link EntryOptions} that are left out are as the module says. */
export interface GetOrSetOptions<T = unknown> extends EntryOptions {
  /**
   * How long the value is kept: seconds, text such as `'45s'`, or a function of the value that returns seconds. At 0 or less
   * it is not kept.
   */
  ttl: ResultTtl<T>;
  /**
   * Groups keys, so that `invalidate('prefix:*')` reaches them; `[a-z0-9_]`. It has statistics of its own only if a `@Cached`
   * method has the same prefix; else it is counted under `default`. Default `default`.
   */
  prefix?: string;
  /** What the value depends on, one or more: tags such as `course:PROG-101`, and prefixes such as `student_risk:*`. */
  tags?: string | readonly string[];
  /** Whether some hits are audited, for which `factory` is called again up to seconds later. Default: if there are `tags`. */
  audit?: boolean;
  /** A name for the form of the values; change it with the form, or old and new processes read each other's. Default: none. */
  shape?: string;
  /**
   * Whether `factory` runs even if a value is kept. What it gives is kept for all, and what it throws is thrown, also within
   * grace. Default false.
   */
  renew?: boolean;
}

/** Options of `getMany`. */
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
