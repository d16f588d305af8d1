import { CacheError } from '../engine/cache-errors.js';
import { durationMs, type Duration } from '../engine/duration.js';
import { defaultPolicy, type Consistency, type EntryPolicy } from '../engine/entry-policy.js';
import type { OptionNames } from './option-names.js';

/** Options of `@Cached` for keeping entries and waiting for runs. Durations are seconds (`60`), or text (`'45s'`, `'2m'`). */
export interface EntryOptions {
  /**
   * How long beyond its TTL an entry is kept: it is served if the method fails or takes longer than `softTimeout`, unless
   * something it depends on was invalidated. Default 0.
   *
   * @see RFC 5861 section 4
   */
  grace?: Duration;
  /** How long to wait for the method when there is a stale answer; 0 does not wait. Default: as long as it takes. */
  softTimeout?: Duration;
  /** How long to wait for the method at all; then 504. Default: as long as it takes. */
  hardTimeout?: Duration;
  /**
   * After a run that failed, for how long this process gives the stale answer, while there is one, without running the
   * method again for it; 0 tries again for each caller. Default 1 s.
   */
  retryAfter?: Duration;
  /** After a soft invalidation this process still serves answers that are no older than this. Default 0: none. */
  minFresh?: Duration;
  /**
   * `strong`: whoever asks after an invalidation was acknowledged never gets the older answer. `bounded`: never one that
   * is staler than 1 s, and a hit in this process asks nobody. Default `strong`.
   */
  consistency?: Consistency;
  /**
   * The part of the TTL after which a hit also runs the method again, behind the answer: above 0 up to 1, where 1 is never and
   * less than 0.5 counts as 0.5. Default 0.8.
   */
  refreshAhead?: number;
}

export const entryOptionNames: OptionNames<EntryOptions> = {
  grace: true,
  softTimeout: true,
  hardTimeout: true,
  retryAfter: true,
  minFresh: true,
  consistency: true,
  refreshAhead: true,
};

/** The options that the module may set for all methods. */
export type EntryDefaults = Pick<
  EntryOptions,
  'grace' | 'softTimeout' | 'retryAfter' | 'consistency' | 'refreshAhead'
>;

/**
 * The options, checked, in ms. What is not given is left out.
 *
 * @param where  where the options stand, for the message
 * @throws {CacheError} `CACHE_INVALID_OPTIONS`, `CACHE_INVALID_TTL`
 */
export function declaredPolicy(options: EntryOptions, where: string): Partial<EntryPolicy> {
  const { grace, softTimeout, hardTimeout, retryAfter, minFresh, consistency, refreshAhead } = options;
  if (refreshAhead !== undefined && !(refreshAhead > 0 && refreshAhead <= 1)) {
    throw new CacheError(
      'CACHE_INVALID_OPTIONS',
      `${where}: refreshAhead is a part of the TTL, above 0 up to 1.`,
    );
  }
  if (consistency !== undefined && !['strong', 'bounded'].includes(consistency)) {
    throw new CacheError('CACHE_INVALID_OPTIONS', `${where}: consistency is 'strong' or 'bounded'.`);
  }
  return {
    ...(grace !== undefined && { graceMs: durationMs(grace, `${where}, grace`, 0) }),
    ...(softTimeout !== undefined && { softTimeoutMs: durationMs(softTimeout, `${where}, softTimeout`, 0) }),
    ...(hardTimeout !== undefined && { hardTimeoutMs: durationMs(hardTimeout, `${where}, hardTimeout`) }),
    ...(retryAfter !== undefined && { retryAfterMs: durationMs(retryAfter, `${where}, retryAfter`, 0) }),
    ...(minFresh !== undefined && { minFreshMs: durationMs(minFresh, `${where}, minFresh`, 0) }),
    ...(consistency && { consistency }),
    ...(refreshAhead !== undefined && { refreshAhead }),
  };
}

/** The policy of methods that say nothing else: the module's, and for the rest the built-in defaults. */
export function modulePolicy(defaults: EntryDefaults): EntryPolicy {
  return { ...defaultPolicy, ...declaredPolicy(defaults, 'CacheModule') };
}
