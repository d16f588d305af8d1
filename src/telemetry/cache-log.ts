import { withoutRepeats, type CacheModuleEvent, type Subject } from '../cache/index.js';
import type { AppLogger } from './app-logger.js';
import { logCatalogue, type LogEvent, type LogFields } from './log-catalogue.js';

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
  'cache.invalidated_late',
]);

/** What a prefix does all the time: two lines each time something of it is made anew. */
const ofRoutine: ReadonlySet<string> = new Set(['cache.miss', 'cache.stored']);

/** One event may be about all students of several courses: a line of all their tags would be longer than collectors take. */
const MOST_TAGS = 20;

/**
 * Writes the cache's events as the catalogue says; what has no line there is for statistics only. Most events are hits
 * and lookups: nobody who does not read them pays for them, and no key is computed for a line that is not written.
 *
 * @param isQuiet  prefixes of which it is no news that something is made anew: that is written at debug only. Default: none
 */
export function cacheLog(
  logger: AppLogger,
  isQuiet: (prefix: string) => boolean = () => false,
): (event: CacheModuleEvent) => void {
  const events = Object.keys(logCatalogue) as LogEvent[];
  const written: ReadonlySet<string> = new Set(
    events.filter((event) => logger.isEnabled(logCatalogue[event].level)),
  );
  const isWritten = (event: string): event is LogEvent => written.has(event);
  const isHeld = (event: CacheModuleEvent) =>
    ofRoutine.has(event.event) &&
    'subject' in event &&
    isQuiet(event.subject.prefix) &&
    !logger.isEnabled('debug');

  return withoutRepeats((event) => {
    if (!isWritten(event.event) || isHeld(event)) return;
    const fields = fieldsOf(event);
    if (event.event === 'cache.lookup') logger.event('cache.key', fields);
    logger.event(event.event, fields);
  });
}

/**
 * The cache counts in milliseconds and writes names its own way; the log has one spelling for all. What was thrown stays out of
 * it: that may quote what a caller sent, and SQL with its parameters.
 */
function fieldsOf({ event, ...rest }: CacheModuleEvent): LogFields {
  const {
    subject,
    error: _unlogged,
    durationMs,
    staleMs,
    ttlMs,
    delayMs,
    afterMs,
    connectedClients,
    usedMemory,
    tags,
    ...same
  } = rest as Partial<
    Record<'durationMs' | 'staleMs' | 'ttlMs' | 'delayMs' | 'afterMs' | 'connectedClients', number>
  > & {
    usedMemory?: string;
    subject?: Subject;
    error?: unknown;
  } & LogFields;
  return {
    ...(subject && { prefix: subject.prefix, key: subject.key }),
    ...same,
    ...(tags && { tags: tags.slice(0, MOST_TAGS), count: tags.length }),
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
