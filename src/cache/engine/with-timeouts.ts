import { CacheError } from './cache-errors.js';
import { resultWithin, type Clock } from './clock.js';
import type { Subject } from './subject.js';

/** Why a stale answer was given. */
export type StaleReason = 'timeout' | 'error';

/**
 * Waits for a run as long as its policy says: for the soft timeout if a stale answer can be given, which also takes the place
 * of a failure; or else for the hard one. The run itself goes on.
 *
 * @param onGivenUp   called when the caller may stop waiting while the run goes on
 * @param serveStale  gives the stale answer, or `undefined` if it may no longer be served; absent where there is none
 * @throws what the run throws; {@link CacheError} `CACHE_FACTORY_TIMED_OUT`
 * @see RFC 5861 section 4
 */
export async function withTimeouts<T extends object>(
  run: Promise<T>,
  { prefix, policy }: Pick<Subject, 'prefix' | 'policy'>,
  clock: Clock,
  onGivenUp: () => void,
  serveStale?: (reason: StaleReason) => Promise<T | undefined>,
): Promise<T> {
  const { softTimeoutMs, hardTimeoutMs } = policy;
  const sinceMs = clock.monotonicMs();
  if (serveStale) {
    const timeoutMs = Math.min(softTimeoutMs, hardTimeoutMs);
    try {
      // Even a timer of 0 ms would make the caller wait.
      const loaded = timeoutMs === 0 ? undefined : await resultWithin(clock, timeoutMs, run);
      if (loaded) return loaded;
    } catch (error) {
      const stale = await serveStale('error');
      if (stale) return stale;
      throw error;
    }
    onGivenUp();
    const stale = await serveStale('timeout');
    if (stale) return stale;
  }
  const loaded = await resultWithin(clock, sinceMs + hardTimeoutMs - clock.monotonicMs(), run);
  if (loaded) return loaded;
  onGivenUp();
  throw new CacheError(
    'CACHE_FACTORY_TIMED_OUT',
    `${prefix}: no answer within ${hardTimeoutMs} ms (hardTimeout), and no older one is kept. Raise hardTimeout, or give grace.`,
  );
}
