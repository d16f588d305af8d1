import { CacheError } from './cache-errors.js';

/** Seconds as a number (`60`), or text with its unit: `'45s'`, `'2m'`, `'1h'`. */
export type Duration = number | `${number}${'s' | 'm' | 'h'}`;

const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3600 };

/**
 * @param where  the method that declares it, for the message
 * @returns milliseconds
 * @throws {CacheError} `CACHE_INVALID_TTL` unless the duration is above zero and at most ten years
 */
export function durationMs(duration: unknown, where: string): number {
  const ms = Math.round(seconds(duration) * 1000);
  if (ms > 0 && ms <= 3.2e11) return ms;
  throw new CacheError(
    'CACHE_INVALID_TTL',
    `${where}: a TTL of ${JSON.stringify(duration)} is not a duration. Give seconds above zero (60) or text such as '45s', '2m', '1h'.`,
  );
}

function seconds(duration: unknown): number {
  if (typeof duration === 'number') return duration;
  const [, amount, unit] =
    /^(\d+(?:\.\d+)?)([smh])$/.exec(typeof duration === 'string' ? duration : '') ?? [];
  return Number(amount) * (unitSeconds[unit ?? ''] ?? NaN);
}
