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
/** What happens to the connections, which belong to no request, not even to the one that came upon it. */
const ofConnections: ReadonlySet<string> = new Set([
  'cache.init',
  'cache.connecting',
  'cache.connected',
  'cache.connect_failed',
  'cache.reconnecting',
  'cache.ready',
  'cache.breaker',
  'cache.server_info',
  'cache.disabled',
  'cache.disconnected',
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
  let isFallbackTold = false;
  const isNews = (method: string) => {
    if (told.has(method)) return false;
    if (told.size < MAX_REMEMBERED) told.add(method);
    return true;
  };

  return (event) => {
    if (isRecovery(event)) isFallbackTold = false;
    if (!isWritten(event.event)) return;
    if (event.event === 'cache.no_store' && lasting.has(event.reason)) {
      if (!isNews(`${event.subject.prefix} ${event.reason}`)) return;
    }
    // Every request falls back for as long as the store is away: that is one change, and one line.
    if (event.event === 'cache.fallback') {
      if (isFallbackTold) return;
      isFallbackTold = true;
    }
    // A client may ask as often as it likes.
    if (event.event === 'cache.key_failed' && !isNews(`${event.method} ${event.reason}`)) return;
    const fields = fieldsOf(event);
    if (event.event === 'cache.lookup') logger.event('cache.key', fields);
    logger.event(event.event, fields);
  };
}

/** The store may be asked again: the next request that goes past it is news. */
function isRecovery(event: CacheModuleEvent): boolean {
  return event.event === 'cache.connected' || (event.event === 'cache.breaker' && event.state === 'closed');
}

/** The cache counts in milliseconds and writes names its own way; the log has one spelling for all. */
function fieldsOf({ event, ...rest }: CacheModuleEvent): LogFields {
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
    ...(ofConnections.has(event) && { request_id: undefined }),
    ...(durationMs !== undefined && { duration_ms: Math.round(durationMs * 100) / 100 }),
    ...(staleMs !== undefined && { stale_ms: Math.round(staleMs) }),
    ...(ttlMs !== undefined && { ttl_s: Math.round(ttlMs / 1000) }),
    ...(delayMs !== undefined && { delay_ms: Math.round(delayMs) }),
    ...(afterMs !== undefined && { after_ms: afterMs }),
    ...(connectedClients !== undefined && { clients: connectedClients }),
    ...(usedMemory !== undefined && { memory: usedMemory }),
  };
}
