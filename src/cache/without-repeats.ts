import type { CacheModuleEvent } from './cache.options.js';
import { systemClock, type Clock } from './engine/clock.js';
import type { NoStoreReason } from './engine/subject.js';
import { News } from './news.js';

/** Reasons that lie in a method, and so come again with every result. */
export const lastingReasons: ReadonlySet<NoStoreReason> = new Set<NoStoreReason>([
  'status',
  'header',
  'not-plain',
  'unserialisable',
  'rule-failed',
  'handler-skipped',
]);
/** Methods are few; a program that makes prefixes up must not fill the memory. */
const MAX_REMEMBERED = 1000;

/**
 * Hands on what is news, for logs: that results of a prefix cannot be stored, or a method's requests have no key or no
 * scope, once for each and each reason; that the cache is switched off, once; once a minute, and once more when the store
 * was back in between, that answers are made without it, that it could not be read or written or has not confirmed an
 * invalidation, for each reason, and that callers of a prefix get stale answers, or none; everything else each time.
 */
export function withoutRepeats(
  listen: (event: CacheModuleEvent) => void,
  clock: Pick<Clock, 'monotonicMs'> = systemClock,
): (event: CacheModuleEvent) => void {
  const told = new Set<string>();
  const news = new News(clock);
  const isKnown = (text: string) => {
    if (told.has(text)) return true;
    if (told.size < MAX_REMEMBERED) told.add(text);
    return false;
  };
  const isRepeat = (event: CacheModuleEvent): boolean => {
    switch (event.event) {
      case 'cache.no_store':
        return lastingReasons.has(event.reason) && isKnown(`${event.subject.prefix} ${event.reason}`);
      case 'cache.key_failed':
        // A client may ask as often as it likes.
        return isKnown(`${event.method} ${event.reason}`);
      case 'cache.scope_unknown':
        return isKnown(`${event.method} scope`);
      case 'cache.fallback':
        return event.reason ? isKnown(event.reason) : !news.isNew(event.event);
      case 'cache.get_error':
      case 'cache.set_error':
      case 'cache.invalidate_error':
        return !news.isNew(`${event.event} ${event.reason}`);
      // Each caller has one of these, and in an outage there are thousands.
      case 'cache.stale_served':
        return !news.isNew(`${event.event} ${event.subject.prefix} ${event.reason}`);
      case 'cache.overloaded':
        return !news.isNew(`${event.event} ${event.subject.prefix}`);
      default:
        return false;
    }
  };
  return (event) => {
    if (isRecovery(event)) news.forget();
    if (!isRepeat(event)) listen(event);
  };
}

/** The store may be asked again: the next request that goes past it is news. */
function isRecovery(event: CacheModuleEvent): boolean {
  return event.event === 'cache.connected' || (event.event === 'cache.breaker' && event.state === 'closed');
}
