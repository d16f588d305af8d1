import type {
  BreakerState,
  CacheStats,
  HistogramCounts,
  PrefixStatistics,
  RedisService,
} from '../cache/index.js';
import { buckets, type Sample, type ShownMetric } from './shown-metric.js';

const breakerStates: readonly BreakerState[] = ['closed', 'half-open', 'open'];

export interface WaitingInOutbox {
  readonly rows: number;
  /** How long the oldest has waited, s; 0 if none waits */
  readonly oldestS: number;
}

interface CacheSources {
  readonly stats: () => CacheStats;
  /** Whether invalidations by other processes are heard now; `undefined` without a backplane. */
  readonly hearsOthers: () => boolean | undefined;
  /** Whether the process goes by the outbox now; `undefined` if it never does. */
  readonly goesByOutbox: () => boolean | undefined;
  readonly redis: Pick<RedisService, 'status' | 'breaker' | 'namespace' | 'maskedUrl'>;
  /** What waits in the outbox; `undefined` if there is none, or it cannot be asked. */
  readonly outbox: () => Promise<WaitingInOutbox | undefined>;
}

/**
 * The cache's figures for Prometheus. They are read when the metrics are asked for, so that they cost a hit nothing. Most have
 * one label, `prefix`: that of a cached method, or `default` for all else; never a key or an id.
 */
export function cacheMetrics({
  stats,
  hearsOthers,
  goesByOutbox,
  redis,
  outbox,
}: CacheSources): readonly ShownMetric[] {
  const counterByPrefix = (
    name: string,
    help: string,
    count: (of: PrefixStatistics) => number,
  ): ShownMetric => ({
    name,
    help,
    type: 'counter',
    read: () =>
      [...stats().prefixes].map(([prefix, figures]) => ({ value: count(figures), labels: { prefix } })),
  });
  const histogramByPrefix = (
    name: string,
    help: string,
    counts: (of: PrefixStatistics) => HistogramCounts,
  ): ShownMetric => ({
    name,
    help,
    type: 'histogram',
    read: () =>
      [...stats().prefixes].flatMap(([prefix, figures]) => buckets(name, counts(figures), { prefix })),
  });
  const counterByPrefixAnd = <Key extends string | number>(
    label: string,
    name: string,
    help: string,
    counts: (of: PrefixStatistics) => ReadonlyMap<Key, number>,
    shown: (key: Key) => string = String,
  ): ShownMetric => ({
    name,
    help,
    type: 'counter',
    read: () =>
      [...stats().prefixes].flatMap(([prefix, figures]) =>
        [...counts(figures)].map(([key, value]) => ({ value, labels: { prefix, [label]: shown(key) } })),
      ),
  });
  const gauge = (
    name: string,
    help: string,
    value: () => number | undefined | Promise<number | undefined>,
  ): ShownMetric => ({
    name,
    help,
    type: 'gauge',
    read: async () => one(await value()),
  });

  return [
    counterByPrefix('cache_hits_total', 'Lookups that found a usable entry', ({ hits }) => hits),
    counterByPrefix(
      'cache_misses_total',
      'Lookups that did not, and answers made anew on demand',
      ({ misses }) => misses,
    ),
    counterByPrefix(
      'cache_renewals_total',
      'Those of the misses whose callers wanted a new answer',
      (of) => of.renewals,
    ),
    counterByPrefix(
      'cache_bypasses_total',
      'What went past the cache, its store being away, it being switched off, or nobody sharing the answer',
      ({ bypasses }) => bypasses,
    ),
    counterByPrefix(
      'cache_coalesced_total',
      'Callers who waited for the run of another',
      (of) => of.coalesced,
    ),
    counterByPrefix(
      'cache_stale_total',
      'Answers beyond their TTL, for want of a new one',
      ({ stale }) => stale,
    ),
    counterByPrefix('cache_refreshes_total', 'Entries replaced before they expired', (of) => of.refreshes),
    counterByPrefix('cache_refresh_failures_total', 'Refreshes whose run failed', (of) => of.refreshFailures),
    counterByPrefix(
      'cache_overloaded_total',
      'Answers refused while the cache is away',
      (of) => of.overloaded,
    ),
    counterByPrefix('cache_stores_total', 'Entries stored', ({ stores }) => stores),
    counterByPrefix(
      'cache_errors_total',
      'Reads and writes of the store, and entries, that failed',
      ({ errors }) => errors,
    ),
    counterByPrefix('cache_stored_bytes_total', 'Bytes stored', ({ storedBytes }) => storedBytes),
    counterByPrefix(
      'cache_served_bytes_total',
      'Bytes of the bodies that hits were about',
      ({ hitBytes }) => hitBytes,
    ),
    histogramByPrefix('cache_load_duration_seconds', 'Time that runs of the method took', (of) => of.loadMs),
    histogramByPrefix(
      'cache_staleness_seconds',
      'How far beyond their TTL stale answers were',
      (of) => of.staleMs,
    ),
    counterByPrefixAnd(
      'after',
      'cache_audits_total',
      'Hits looked at again so many seconds later',
      ({ audits }) => audits,
      seconds,
    ),
    counterByPrefixAnd(
      'after',
      'cache_audit_wrong_total',
      'Those still served then, and not what their source says',
      ({ auditsWrong }) => auditsWrong,
      seconds,
    ),
    counterByPrefixAnd(
      'reason',
      'cache_audits_skipped_total',
      'Looks that came to no verdict',
      ({ auditsSkipped }) => auditsSkipped,
    ),
    {
      name: 'cache_invalidation_duration_seconds',
      help: 'Time until the store had confirmed an invalidation',
      type: 'histogram',
      read: () => buckets('cache_invalidation_duration_seconds', stats().invalidationMs, {}),
    },
    {
      name: 'cache_invalidation_errors_total',
      help: 'Invalidations that the store did not confirm in time',
      type: 'counter',
      read: () => one(stats().invalidationErrors),
    },
    {
      name: 'cache_rule_failures_total',
      help: 'Invalidations of everything, as @InvalidateCache could not tell what is old',
      type: 'counter',
      read: () => one(stats().ruleFailures),
    },
    gauge('cache_l1_entries', 'Entries in the memory of this process', () => stats().l1.entries),
    gauge('cache_l1_bytes', 'Memory that they take', () => stats().l1.bytes),
    gauge('cache_store_available', '1 while the store can be asked; absent while it is switched off', () =>
      stats().store === 'none' ? undefined : Number(stats().isAvailable),
    ),
    gauge('cache_redis_up', '1 while there is a connection to Redis; absent without Redis', () =>
      redis.status() === 'not_configured' ? undefined : Number(redis.status() === 'connected'),
    ),
    {
      name: 'cache_breaker_state',
      help: '1 for the state of the circuit breaker of Redis; absent without Redis',
      type: 'gauge',
      read: () => states(redis.breaker),
    },
    gauge('cache_by_outbox', '1 while Redis or a master is away and this process goes by the outbox', () =>
      number(goesByOutbox()),
    ),
    gauge('cache_backplane_up', '1 while invalidations of other processes are heard', () =>
      number(hearsOthers()),
    ),
    {
      name: 'cache_info',
      help: 'Always 1: which Redis this process shares, and what stands before its keys; absent without Redis',
      type: 'gauge',
      read: () => info(redis),
    },
    gauge(
      'cache_outbox_rows',
      'Committed invalidations not confirmed yet, of all processes',
      async () => (await outbox())?.rows,
    ),
    gauge(
      'cache_outbox_oldest_seconds',
      'How long the oldest of them has waited',
      async () => (await outbox())?.oldestS,
    ),
  ];
}

function info({ namespace, maskedUrl }: CacheSources['redis']): Sample[] {
  const server = maskedUrl?.replace(/^[^/]*\/\/(\*\*\*@)?/, '');
  return server === undefined ? [] : [{ value: 1, labels: { namespace, server } }];
}

function states(present: BreakerState | undefined): Sample[] {
  if (present === undefined) return [];
  return breakerStates.map((state) => ({ value: Number(state === present), labels: { state } }));
}

function seconds(ms: number): string {
  return String(ms / 1000);
}

function number(is: boolean | undefined): number | undefined {
  return is === undefined ? undefined : Number(is);
}

function one(value: number | undefined): Sample[] {
  return value === undefined ? [] : [{ value, labels: {} }];
}
