import type { CacheModuleEvent, Subject } from '../cache/index.js';
import type { AppLogger } from './app-logger.js';
import { logCatalogue, type LogEvent, type LogFields } from './log-catalogue.js';

/** Reasons that lie in a method, and so come again with every result. */
const lasting = new Set([
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
 * Writes the cache's events as the catalogue says; what has no line there is for statistics only. Most events are hits
 * and lookups: nobody who does not read them pays for them, and no key is computed for a line that is not written.
 */
export function cacheLog(logger: AppLogger): (event: CacheModuleEvent) => void {
  const events = Object.keys(logCatalogue) as LogEvent[];
  const written: ReadonlySet<string> = new Set(
    events.filter((event) => logger.isEnabled(logCatalogue[event].level)),
  );
  const isWritten = (event: string): event is LogEvent => written.has(event);
  const told = new Set<string>();
  const isNews = (method: string) => {
    if (told.has(method)) return false;
    if (told.size < MAX_REMEMBERED) told.add(method);
    return true;
  };

  return (event) => {
    if (!isWritten(event.event)) return;
    if (event.event === 'cache.no_store' && lasting.has(event.reason)) {
      if (!isNews(`${event.subject.prefix} ${event.reason}`)) return;
    }
    // A client may ask as often as it likes.
    if (event.event === 'cache.key_failed' && !isNews(`${event.method} ${event.reason}`)) return;
    const fields = fieldsOf(event);
    if (event.event === 'cache.lookup') logger.event('cache.key', fields);
    logger.event(event.event, fields);
  };
}

/** The cache counts in milliseconds and writes names its own way; the log has one spelling for all. */
function fieldsOf({ event: _, ...rest }: CacheModuleEvent): LogFields {
  const { subject, durationMs, staleMs, ttlMs, delayMs, afterMs, connectedClients, usedMemory, ...same } =
    rest as Partial<
      Record<'durationMs' | 'staleMs' | 'ttlMs' | 'delayMs' | 'afterMs' | 'connectedClients', number>
    > & {
      usedMemory?: string;
      subject?: Subject;
    } & LogFields;
  return {
    ...(subject && { prefix: subject.prefix, key: subject.key }),
    ...same,
    ...(durationMs !== undefined && { duration_ms: Math.round(durationMs * 100) / 100 }),
    ...(staleMs !== undefined && { stale_ms: Math.round(staleMs) }),
    ...(ttlMs !== undefined && { ttl_s: Math.round(ttlMs / 1000) }),
    ...(delayMs !== undefined && { delay_ms: Math.round(delayMs) }),
    ...(afterMs !== undefined && { after_ms: afterMs }),
    ...(connectedClients !== undefined && { clients: connectedClients }),
    ...(usedMemory !== undefined && { memory: usedMemory }),
  };
}
