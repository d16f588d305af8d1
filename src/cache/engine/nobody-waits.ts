import { CacheError } from './cache-errors.js';
import type { Subject } from './subject.js';

/** What a caller is given who hears it no more: they have been given a stale entry meanwhile, or a timeout. */
export function nobodyWaits({ prefix }: Subject): CacheError {
  return new CacheError('CACHE_FACTORY_TIMED_OUT', `${prefix}: nobody waits for it any more`);
}
