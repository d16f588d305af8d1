/** What the connection to Redis has to tell: once for each change, not for each request. */
export type RedisEvent =
  | { event: 'cache.init'; url: string }
  | { event: 'cache.connecting' }
  | { event: 'cache.connected' }
  | { event: 'cache.connect_failed'; reason: string }
  | { event: 'cache.reconnecting'; attempt: number; delayMs: number; reason: string }
  | { event: 'cache.ready' }
  | { event: 'cache.server_info'; version: string; connectedClients: number; usedMemory: string }
  | { event: 'cache.disabled' }
  | { event: 'cache.disconnected' }
  | { event: 'cache.deleted'; pattern: string; count: number };

export type EmitRedisEvent = (event: RedisEvent) => void;
