import type { BreakerState } from './circuit-breaker.js';

/**
 * Events of the connection to Redis: one for each change, not for each request. `set`, `skip` and `deleted` tell of calls of
 * {@link RedisService}. `invalidated_late` counts tokens whose removal Redis has confirmed only after its invalidation.
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
