import { CacheError } from './cache-errors.js';
import { ignoringRejection } from './ignoring-rejection.js';

/** Seconds as a number (`60`; not milliseconds, as other caches have it), or text with its unit: `'45s'`, `'2m'`, `'1h'`. */
export type Duration = number | `${number}${'s' | 'm' | 'h'}`;

/** How long a result is good for, or a function of it that returns seconds; 0 or less: it is not kept. */
export type ResultTtl<T> = Duration | ((result: T) => number);

const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3600 };

/** Ten years, and a little. */
const MOST_MS = 3.2e11;

/**
 * @param where    what declares it, such as `Class.method, grace`, for the message
 * @param leastMs  1, or 0 where none at all makes sense
 * @returns milliseconds
 * @throws {CacheError} `CACHE_INVALID_TTL` unless the duration is that long, and at most ten years
 */
export function durationMs(duration: unknown, where: string, leastMs: 0 | 1 = 1): number {
  const ms = Math.round(seconds(duration) * 1000);
  if (ms >= leastMs && ms <= MOST_MS) return ms;
  const least = leastMs === 0 ? 'of zero or more' : 'above zero';
  const wrong =
    ms > MOST_MS
      ? 'is longer than ten years.'
      : `is not a duration ${least}: seconds (60), '45s', '2m', '1h'.`;
  throw new CacheError('CACHE_INVALID_TTL', `${where}: ${shown(duration)} ${wrong}`);
}

/**
 * @param where  what declares it, for messages
 * @returns how long a result is good for, ms; 0 for one that is not to be kept. It throws `CACHE_INVALID_TTL` where the
 *   function gives no number of seconds, or more than ten years of them
 * @throws {CacheError} `CACHE_INVALID_TTL` for a duration that is none
 */
export function resultTtlMs<T>(ttl: ResultTtl<T>, where: string): (result: T) => number {
  if (typeof ttl !== 'function') {
    const fixedMs = durationMs(ttl, where);
    return () => fixedMs;
  }
  return (result) => {
    const seconds = ignoringRejection(ttl(result));
    return Math.round(seconds * 1000) <= 0 ? 0 : durationMs(seconds, where);
  };
}

function shown(duration: unknown): string {
  if (typeof duration === 'string') return `'${duration}'`;
  return typeof duration === 'number' ? String(duration) : typeof duration;
}

function seconds(duration: unknown): number {
  if (typeof duration === 'number') return duration;
  const [, amount, unit] =
    /^(\d+(?:\.\d+)?)([smh])$/.exec(typeof duration === 'string' ? duration : '') ?? [];
  return Number(amount) * (unitSeconds[unit ?? ''] ?? NaN);
}
