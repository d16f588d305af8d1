import { CacheError } from './cache-errors.js';

/** Seconds as a number (`60`), or text with its unit: `'45s'`, `'2m'`, `'1h'`. */
export type Duration = number | `${number}${'s' | 'm' | 'h'}`;

const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3600 };

/** Ten years, and a little. */
const MOST_MS = 3.2e11;

/**
 * @param where  what declares it, such as `Class.method, grace`, for the message
 * @returns milliseconds
 * @throws {CacheError} `CACHE_INVALID_TTL` unless the duration is above zero and at most ten years
 */
export function durationMs(duration: unknown, where: string): number {
  const ms = Math.round(seconds(duration) * 1000);
  if (ms > 0 && ms <= MOST_MS) return ms;
  const wrong =
    ms > MOST_MS
      ? 'is longer than ten years.'
      : "is not a duration above zero: seconds (60), '45s', '2m', '1h'.";
  throw new CacheError('CACHE_INVALID_TTL', `${where}: ${shown(duration)} ${wrong}`);
}

/**
 * @param seconds  what a function says of a result
 * @returns milliseconds; 0 for a result that is not to be kept
 * @throws {CacheError} `CACHE_INVALID_TTL` unless it is a number of seconds, of ten years at most
 */
export function resultTtlMs(seconds: number, where: string): number {
  return Math.round(seconds * 1000) <= 0 ? 0 : durationMs(seconds, where);
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
