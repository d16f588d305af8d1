import type { BreakerState } from './circuit-breaker.js';

/**
 * What the connection to Redis has to tell: once for each change, not for each request. `set`, `skip` and `deleted` are
 * calls of {@link RedisService}, by name. `invalidated_late` counts tokens whose end Redis had not confirmed before, and
 * now has.
 */
export type RedisEvent =
  | { event: 'cache.init'; url: string }
  | { event: 'cache.connecting' }
  | { event: 'cache.connected'; server?: string }
  | { event: 'cache.connect_failed'; reason: string; server?: string }
  | { event: 'cache.reconnecting'; attempt: number; delayMs: number; reason: string; server?: string }
  | { event: 'cache.ready' }
  | { event: 'cache.breaker'; state: BreakerState; server?: string }
  | { event: 'cache.server_info'; version: string; connectedClients: number; usedMemory: string }
  | { event: 'cache.disabled' }
  | { event: 'cache.disconnected' }
  | { event: 'cache.invalidated_late'; count: number }
  | { event: 'cache.set'; key: string }
  | { event: 'cache.skip'; operation: string; key: string }
  | { event: 'cache.deleted'; pattern: string; count: number };

export type EmitRedisEvent = (event: RedisEvent) => void;
