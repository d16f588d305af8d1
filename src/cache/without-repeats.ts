import type { CacheModuleEvent } from './cache.options.js';
import { systemClock, type Clock } from './engine/clock.js';

/** Reasons that lie in a method, and so come again with every result. */
export const lastingReasons: ReadonlySet<string> = new Set([
  'status',
  'header',
  'not-plain',
  'unserialisable',
  'rule-failed',
  'handler-skipped',
]);
/** Who reads the log of a long outage sees that it goes on. */
const REPEAT_AFTER_MS = 60_000;
/** Methods are few; a program that makes prefixes up must not fill the memory. */
const MAX_REMEMBERED = 1000;

/**
 * Hands on what is news, for logs: that a method's results cannot be stored, or its requests have no key or no scope, once
 * for each method and reason; that answers are made without the store, and that it could not be read or written, once a
 * minute for each reason until it is back; everything else each time.
 */
export function withoutRepeats(
  listen: (event: CacheModuleEvent) => void,
  clock: Pick<Clock, 'monotonicMs'> = systemClock,
): (event: CacheModuleEvent) => void {
  const told = new Set<string>();
  const toldAtMs = new Map<string, number>();
  const isKnown = (news: string) => {
    if (told.has(news)) return true;
    if (told.size < MAX_REMEMBERED) told.add(news);
    return false;
  };
  const isRecent = (news: string) => {
    const now = clock.monotonicMs();
    if (now - (toldAtMs.get(news) ?? -Infinity) < REPEAT_AFTER_MS) return true;
    if (toldAtMs.size >= MAX_REMEMBERED) toldAtMs.clear();
    toldAtMs.set(news, now);
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
        return event.reason ? isKnown(event.reason) : isRecent(event.event);
      case 'cache.get_error':
      case 'cache.set_error':
        return isRecent(`${event.event} ${event.reason}`);
      default:
        return false;
    }
  };
  return (event) => {
    if (isRecovery(event)) toldAtMs.clear();
    if (!isRepeat(event)) listen(event);
  };
}

/** The store may be asked again: the next request that goes past it is news. */
function isRecovery(event: CacheModuleEvent): boolean {
  return event.event === 'cache.connected' || (event.event === 'cache.breaker' && event.state === 'closed');
}
