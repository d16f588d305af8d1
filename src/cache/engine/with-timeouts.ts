import { CacheError } from './cache-errors.js';
import { resultWithin, type Clock } from './clock.js';
import type { Subject } from './subject.js';

/** Why a stale answer was given. */
export type StaleReason = 'timeout' | 'error';

/**
 * Waits for a run as long as its policy says. With something stale at hand that is the soft timeout, and a failure is
 * covered by it, too; without, the hard one. The run itself goes on.
 *
 * @param onGivenUp   called when the run may go on without anybody waiting
 * @param serveStale  gives the stale answer, if there is one; `undefined` if it is no longer good
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
      // Who waits for no time must not wait for a timer either.
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
