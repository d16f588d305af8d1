import type { CacheEvent, RedisEvent, Subject } from '../cache/index.js';
import type { AppLogger } from './app-logger.js';
import { logCatalogue, type LogEvent, type LogFields } from './log-catalogue.js';

/** Writes the line of an event of the cache; what has no line in the catalogue is for statistics only. */
export function logCacheEvent(logger: AppLogger, event: CacheEvent | RedisEvent): void {
  if (!hasLine(event.event)) return;
  // Most events are hits and lookups: they must cost nothing when nobody reads them.
  if (logger.isEnabled(logCatalogue[event.event].level)) logger.event(event.event, fieldsOf(event));
}

/** The cache counts in milliseconds and writes names its own way; the log has one spelling for all. */
function fieldsOf({ event: _, ...rest }: CacheEvent | RedisEvent): LogFields {
  const { subject, durationMs, ttlMs, delayMs, connectedClients, usedMemory, ...same } = rest as Partial<
    Record<'durationMs' | 'ttlMs' | 'delayMs' | 'connectedClients', number>
  > & { usedMemory?: string; subject?: Subject } & LogFields;
  return {
    ...same,
    ...(subject ? { prefix: subject.prefix, key: subject.key } : {}),
    ...(durationMs === undefined ? {} : { duration_ms: Math.round(durationMs * 100) / 100 }),
    ...(ttlMs === undefined ? {} : { ttl_s: Math.round(ttlMs / 1000) }),
    ...(delayMs === undefined ? {} : { delay_ms: Math.round(delayMs) }),
    ...(connectedClients === undefined ? {} : { clients: connectedClients }),
    ...(usedMemory === undefined ? {} : { memory: usedMemory }),
  };
}

function hasLine(event: string): event is LogEvent {
  return Object.hasOwn(logCatalogue, event);
}
