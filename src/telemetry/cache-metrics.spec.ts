import type { AuditAfterMs, AuditSkip, CacheStats } from '../cache/index.js';
import { cacheMetrics } from './cache-metrics.js';

type Figures = CacheStats['prefixes'] extends ReadonlyMap<string, infer Of> ? Of : never;

/** No two figures are the same: one that is shown in another's place would be seen. */
const figures: Figures = {
  hits: 1,
  misses: 2,
  renewals: 52,
  coalesced: 3,
  stale: 4,
  refreshes: 5,
  overloaded: 6,
  bypasses: 7,
  stores: 8,
  refreshFailures: 51,
  errors: 9,
  storedBytes: 10,
  hitBytes: 11,
  loadMs: { bounds: [1, 2000], counts: [12, 13, 14], count: 39, sum: 15_000 },
  staleMs: { bounds: [3000], counts: [16, 17], count: 33, sum: 18_000 },
  audits: new Map<AuditAfterMs, number>([
    [100, 19],
    [10_000, 20],
  ]),
  auditsWrong: new Map<AuditAfterMs, number>([[1000, 21]]),
  auditsSkipped: new Map<AuditSkip, number>([['busy', 22]]),
};

const stats: CacheStats = {
  store: 'redis',
  isAvailable: true,
  entries: undefined,
  bytes: undefined,
  l1: { entries: 30, bytes: 31 },
  invalidationMs: { bounds: [4000], counts: [32, 33], count: 65, sum: 34_000 },
  invalidationErrors: 35,
  ruleFailures: 36,
  prefixes: new Map([['course', figures]]),
};

it('shows each figure under its own name, times in seconds and buckets with those below them', async () => {
  const metrics = cacheMetrics({
    stats: () => stats,
    hearsOthers: () => false,
    goesByOutbox: () => true,
    redis: {
      status: () => 'connected',
      breaker: 'half-open',
      namespace: 'shop:',
      maskedUrl: 'rediss://***@redis-1:6379/3',
    },
    outbox: () => Promise.resolve({ rows: 36, oldestS: 37.5 }),
  });

  const shown = await Promise.all(
    metrics.map(async ({ name, read }) =>
      (await read()).map(({ metricName = name, labels, value }) => {
        const written = Object.entries(labels).map(([label, of]) => `${label}=${of}`);
        return [[metricName, ...written].join(' '), value] as const;
      }),
    ),
  );

  expect(Object.fromEntries(shown.flat())).toEqual({
    'cache_hits_total prefix=course': 1,
    'cache_misses_total prefix=course': 2,
    'cache_renewals_total prefix=course': 52,
    'cache_coalesced_total prefix=course': 3,
    'cache_stale_total prefix=course': 4,
    'cache_refreshes_total prefix=course': 5,
    'cache_refresh_failures_total prefix=course': 51,
    'cache_overloaded_total prefix=course': 6,
    'cache_bypasses_total prefix=course': 7,
    'cache_stores_total prefix=course': 8,
    'cache_errors_total prefix=course': 9,
    'cache_stored_bytes_total prefix=course': 10,
    'cache_served_bytes_total prefix=course': 11,
    'cache_load_duration_seconds_bucket prefix=course le=0.001': 12,
    'cache_load_duration_seconds_bucket prefix=course le=2': 25,
    'cache_load_duration_seconds_bucket prefix=course le=+Inf': 39,
    'cache_load_duration_seconds_sum prefix=course': 15,
    'cache_load_duration_seconds_count prefix=course': 39,
    'cache_staleness_seconds_bucket prefix=course le=3': 16,
    'cache_staleness_seconds_bucket prefix=course le=+Inf': 33,
    'cache_staleness_seconds_sum prefix=course': 18,
    'cache_staleness_seconds_count prefix=course': 33,
    'cache_audits_total prefix=course after=0.1': 19,
    'cache_audits_total prefix=course after=10': 20,
    'cache_audit_wrong_total prefix=course after=1': 21,
    'cache_audits_skipped_total prefix=course reason=busy': 22,
    'cache_invalidation_duration_seconds_bucket le=4': 32,
    'cache_invalidation_duration_seconds_bucket le=+Inf': 65,
    cache_invalidation_duration_seconds_sum: 34,
    cache_invalidation_duration_seconds_count: 65,
    cache_invalidation_errors_total: 35,
    cache_rule_failures_total: 36,
    cache_l1_entries: 30,
    cache_l1_bytes: 31,
    cache_store_available: 1,
    cache_redis_up: 1,
    'cache_breaker_state state=closed': 0,
    'cache_breaker_state state=half-open': 1,
    'cache_breaker_state state=open': 0,
    cache_by_outbox: 1,
    cache_backplane_up: 0,
    'cache_info namespace=shop: server=redis-1:6379/3': 1,
    cache_outbox_rows: 36,
    cache_outbox_oldest_seconds: 37.5,
  });
});
