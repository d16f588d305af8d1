import type { CacheModuleEvent } from '../cache.options.js';
import type { BypassReason } from '../engine/cache-events.js';
import { systemClock, type Clock } from '../engine/clock.js';
import type { NoStoreReason } from '../engine/factory.js';
import { FlapDamping, isOfConnection } from './flap-damping.js';
import { News } from '../engine/news.js';

/** Reasons that lie in a method, and so come again with every result. */
export const lastingReasons: ReadonlySet<NoStoreReason> = new Set<NoStoreReason>([
  'status',
  'header',
  'not-plain',
  'unserialisable',
  'rule-failed',
  'handler-skipped',
]);
/** Reasons to go past the cache that nothing else tells of. */
const untold: ReadonlySet<BypassReason> = new Set<BypassReason>(['nobody-to-share-with', 'not-plain']);
/** Methods are few; a program that makes prefixes up must not fill the memory. */
const MAX_REMEMBERED = 1000;

/**
 * Hands on only those events that are news, so that a log of them stays short.
 *
 * - Once, for each method or prefix and each reason: its results cannot be stored; its requests have no key, no scope or no
 *   caller, or a response that something has shaped already; the cache is switched off.
 * - Once a minute for each reason, and again when the store has been back in between: answers are made past the cache; the
 *   store could not be read or written, has not confirmed an invalidation, or has done so late; callers of a prefix get stale
 *   answers, or are refused.
 * - Twenty a minute for each server: its connections are lost and found. Then only how they stand at the end of the minute.
 * - All other events each time.
 *
 * @param clock  for tests
 */
export function withoutRepeats(
  listen: (event: CacheModuleEvent) => void,
  clock: Clock = systemClock,
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
      case 'cache.bypass':
        // The other reasons have events of their own.
        return !untold.has(event.reason) || isKnown(`${event.method} ${event.reason}`);
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
      case 'cache.invalidated_late':
        return !news.isNew(event.event);
      case 'cache.overloaded':
        return !news.isNew(`${event.event} ${event.subject.prefix}`);
      default:
        return false;
    }
  };
  const ofConnections = new FlapDamping((event) => {
    if (isRecovery(event)) news.forget();
    listen(event);
  }, clock);
  return (event) => {
    if (isOfConnection(event)) ofConnections.add(event);
    else if (!isRepeat(event)) listen(event);
  };
}

/** The store may be asked again: the next request that goes past it is news. */
function isRecovery(event: CacheModuleEvent): boolean {
  return event.event === 'cache.connected' || (event.event === 'cache.breaker' && event.state === 'closed');
}
