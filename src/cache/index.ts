export { CacheModule } from './cache.module.js';
export type { CachedRoute, CacheModuleEvent, CacheModuleOptions, GraphEvent } from './cache.options.js';
export { withoutRepeats } from './log/without-repeats.js';
export { News } from './engine/news.js';
export type { LoadMany } from './keyed/batch.js';
export { CacheService, type CacheStats } from './cache.service.js';
export type { GetManyOptions, GetOrSetOptions } from './keyed/get-or-set-options.js';
export { CacheGraph } from './graph/cache-graph.js';
export {
  reportLines,
  type CachedReport,
  type CacheReport,
  type CacheWarning,
  type InvalidatingReport,
} from './graph/cache-report.js';
export { Cached, type CachedOptions } from './decorators/cached.decorator.js';
export { InvalidateCache, type InvalidateCacheOptions } from './decorators/invalidate-cache.decorator.js';
export type { AnswerOptions } from './definition/answer-options.js';
export type { EntryDefaults, EntryOptions } from './definition/entry-options.js';
export type { Scope } from './definition/scope.js';
export type { TagSource } from './definition/tag-rules.js';
export type { Backplane, BackplaneListener } from './engine/backplane.js';
export type { BulkheadOptions } from './engine/bulkhead.js';
export type { AuditAfterMs, AuditSkip } from './engine/audit-verdict.js';
export type { CacheRequest, OfRequest } from './definition/cache-request.js';
export { CacheBootError } from './definition/faults.js';
export { CacheError, type CacheErrorCode } from './engine/cache-errors.js';
export type { CacheEntry } from './engine/cache-entry.js';
export type { CacheEvent } from './engine/cache-events.js';
export type { KeyInputs } from './engine/cache-key.js';
export type { PrefixStatistics } from './engine/cache-statistics.js';
export type { Clock } from './engine/clock.js';
export type { Duration, ResultTtl } from './engine/duration.js';
export type { Consistency } from './engine/entry-policy.js';
export { quantile, type HistogramCounts } from './engine/histogram.js';
export type { StaleReason } from './engine/with-timeouts.js';
export type { EntryName, Lease, Store, StoredEntry, StoreOpened, StoreRead } from './engine/store.js';
export type { NoStoreReason } from './engine/factory.js';
export type { Subject } from './engine/subject.js';
export type { StoreFailure, StoreStep } from './engine/try-store.js';
export { MemoryOutbox } from './outbox/memory.outbox.js';
export type { Outbox, OutboxNews, OutboxRow } from './outbox/outbox.js';
export { type UnitOfWork, unitWatchedBy } from './outbox/unit-of-work.js';
export type { Tracer } from './engine/tracer.js';
export type { BreakerState } from './redis/circuit-breaker.js';
export type { RedisEvent } from './redis/redis-events.js';
export type { RedisOptions } from './redis/redis-options.js';
export type { RedisTopology } from './redis/redis-servers.js';
export { RedisService, type RedisCallOptions, type RedisStatus } from './redis/redis.service.js';
export type { RedisServerStats } from './redis/server-stats.js';
