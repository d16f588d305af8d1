import { withoutRepeats, type CacheModuleEvent, type Subject } from '../cache/index.js';
import type { AppLogger } from './app-logger.js';
import { logCatalogue, type LogEvent, type LogFields } from './log-catalogue.js';

/** Events of connections. They belong to no request, not even to the one in which they were noticed. */
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

/** The two events of each new entry. */
const ofRoutine: ReadonlySet<string> = new Set(['cache.miss', 'cache.stored']);

/** How many tags a line names: all of an event may be more than collectors accept, such as every student of several courses. */
const MOST_TAGS = 20;

/**
 * Logs the cache's events as the catalogue says; those without a line there are for statistics only. Most events are hits and
 * lookups, so a line that is not written costs almost nothing: not even its key is computed.
 *
 * @param isQuiet  prefixes whose new entries are no news, and logged at debug only. Default: none
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
 * The event's fields as the log names them, with its units. Without what was thrown: that may quote what a caller sent, and
 * SQL with its parameters.
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
