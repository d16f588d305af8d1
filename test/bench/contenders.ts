import type { Contender } from './application.js';
import { bareGet } from './contenders/bare-get.js';
import { bentocache } from './contenders/bentocache.js';
import { cacheManager } from './contenders/cache-manager.js';
import { cacheable } from './contenders/cacheable.js';
import { cached } from './contenders/cached.js';
import { limit } from './contenders/limit.js';
import { uncached, uncachedBesideCached } from './contenders/uncached.js';

const guarded = { isGuarded: true };
const open = { isGuarded: false };

/** Everything that is measured, by the name it has in the tables. */
export const contenders = {
  limit: limit('Nest + Fastify behind one guard; the handler returns one of 50 ready Buffers', guarded),
  'limit-text': limit('the same with ready strings instead of Buffers', { ...guarded, as: 'text' }),
  'limit-open': limit('limit without the guard', open),
  'limit-express-open': limit('Nest + Express without a guard; ready strings', {
    ...open,
    adapter: 'express',
    as: 'text',
  }),
  strong: cached('this cache, memory + Redis, `consistency: strong`, behind the same guard', {
    ...guarded,
    consistency: 'strong',
  }),
  bounded: cached('this cache, memory + Redis, `consistency: bounded`, behind the same guard', {
    ...guarded,
    consistency: 'bounded',
  }),
  'bounded-unaudited': cached('bounded, of which no hit is checked against its source (`auditRate: 0`)', {
    ...guarded,
    consistency: 'bounded',
    auditRate: 0,
  }),
  'bounded-open': cached('bounded in an application without guards', { ...open, consistency: 'bounded' }),
  'bounded-express-open': cached('bounded on Express, without guards', {
    ...open,
    adapter: 'express',
    consistency: 'bounded',
  }),
  'redis-only': cached('this cache with Redis alone (`maxBytes: 0`), behind the guard', {
    ...guarded,
    consistency: 'strong',
    maxBytes: 0,
  }),
  'bare-get': bareGet("Node's own HTTP server, which sends what one `GET` of Redis brings; no framework"),
  uncached: uncached('the same controller without a cache, behind the guard', guarded),
  'uncached-open': uncached('the same controller without a cache or guard', open),
  'uncached-beside': uncachedBesideCached('uncached-open in an application whose other route is cached'),
  'cache-manager': cacheManager(
    '@nestjs/cache-manager with @keyv/redis, its `CacheInterceptor`, behind the guard',
  ),
  bentocache: bentocache('bentocache, memory + Redis + bus, `getOrSet` in the handler, behind the guard'),
  cacheable: cacheable(
    'cacheable, memory + Redis + synchronisation through Redis, `getOrSet` in the handler, behind the guard',
  ),
  expiring: cached('strong; TTL 1 s, handler 50 ms, no audits', {
    ...guarded,
    consistency: 'strong',
    auditRate: 0,
    ttlSeconds: 1,
    handlerMs: 50,
  }),
  lasting: cached('strong; TTL 1 h, handler 50 ms, no audits', {
    ...guarded,
    consistency: 'strong',
    auditRate: 0,
    handlerMs: 50,
  }),
} satisfies Record<string, Contender>;

export type ContenderName = keyof typeof contenders;
