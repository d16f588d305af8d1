import type { Registry } from 'prom-client';
import type { CacheStats, HistogramCounts, PrefixStatistics, RedisStatus } from '../cache/index.js';
import { show, type Sample } from './shown-metric.js';

type Read<T> = (from: T) => number;

/** Labelled by prefix: the prefixes of the cached methods, and `default` for all else. Never a key, never an id. */
const countersByPrefix: Readonly<Record<string, readonly [help: string, read: Read<PrefixStatistics>]>> = {
  cache_hits_total: ['Lookups that found a usable entry', ({ hits }) => hits],
  cache_misses_total: ['Lookups that did not', ({ misses }) => misses],
  cache_bypasses_total: [
    'Lookups that went past the cache, its store being away',
    ({ bypasses }) => bypasses,
  ],
  cache_coalesced_total: ['Callers who waited for the run of another', ({ coalesced }) => coalesced],
  cache_stores_total: ['Entries stored', ({ stores }) => stores],
  cache_errors_total: ['Reads, writes and entries that failed', ({ errors }) => errors],
  cache_stored_bytes_total: ['Bytes stored', ({ storedBytes }) => storedBytes],
  cache_served_bytes_total: ['Bytes served from the cache', ({ hitBytes }) => hitBytes],
};

/** Shows what the cache counts. It is read when somebody asks, so that no hit pays for it. */
export function showCacheMetrics(
  register: Registry,
  stats: () => CacheStats,
  redis: () => RedisStatus,
): void {
  for (const [name, [help, read]] of Object.entries(countersByPrefix)) {
    show(register, {
      name,
      help,
      type: 'counter',
      read: () =>
        [...stats().prefixes].map(([prefix, figures]) => ({ value: read(figures), labels: { prefix } })),
    });
  }
  show(register, {
    name: 'cache_load_duration_seconds',
    help: 'Time that runs of the method took',
    type: 'histogram',
    read: () =>
      [...stats().prefixes].flatMap(([prefix, { loadMs }]) =>
        buckets('cache_load_duration_seconds', loadMs, { prefix }),
      ),
  });
  show(register, {
    name: 'cache_invalidation_duration_seconds',
    help: 'Time until the store had confirmed an invalidation',
    type: 'histogram',
    read: () => buckets('cache_invalidation_duration_seconds', stats().invalidationMs, {}),
  });
  show(register, {
    name: 'cache_invalidation_errors_total',
    help: 'Invalidations that the store did not confirm in time',
    type: 'counter',
    read: () => [{ value: stats().invalidationErrors, labels: {} }],
  });
  show(register, {
    name: 'cache_store_available',
    help: '1 while the cache can be asked',
    type: 'gauge',
    read: () => [{ value: Number(stats().isAvailable), labels: {} }],
  });
  show(register, {
    name: 'cache_redis_up',
    help: '1 while there is a connection to Redis; absent without Redis',
    type: 'gauge',
    read: () =>
      redis() === 'not_configured' ? [] : [{ value: Number(redis() === 'connected'), labels: {} }],
  });
}

/** Milliseconds as they are counted, seconds as Prometheus wants them; each bucket holds those below it, too. */
function buckets(
  name: string,
  { bounds, counts, count, sum }: HistogramCounts,
  labels: Sample['labels'],
): Sample[] {
  let below = 0;
  const lines = [...bounds, Infinity].map((bound, bucket): Sample => {
    below += counts[bucket] ?? 0;
    const le = bound === Infinity ? '+Inf' : bound / 1000;
    return { metricName: `${name}_bucket`, value: below, labels: { ...labels, le } };
  });
  return [
    ...lines,
    { metricName: `${name}_sum`, value: sum / 1000, labels },
    { metricName: `${name}_count`, value: count, labels },
  ];
}
