import { Injectable } from '@nestjs/common';
import {
  CacheService,
  quantile,
  RedisService,
  type CacheStats,
  type HistogramCounts,
  type PrefixStatistics,
  type RedisServerStats,
} from '../cache/index.js';
import { Problem } from '../http/problem.js';
import { hitRate, hitRatio } from './hit-rate.js';
import type {
  CacheFigures,
  CachePrefixFigures,
  RedisServerFigures,
  RedisStatsDto,
} from './redis-stats.dto.js';

/** The figures of the Redis server and those of this cache. They count different things, so both are given. */
@Injectable()
export class RedisStatsService {
  constructor(
    private readonly redis: RedisService,
    private readonly cache: CacheService,
  ) {}

  /** @throws {Problem} `redis_unavailable` when Redis is configured and does not answer */
  async stats(): Promise<RedisStatsDto> {
    const isConfigured = this.redis.status() !== 'not_configured';
    const server = isConfigured ? await this.redis.stats() : undefined;
    if (isConfigured && server === undefined) {
      throw new Problem(
        'redis_unavailable',
        'Redis does not answer. The service works without it meanwhile.',
      );
    }
    return {
      status: isConfigured ? 'success' : 'not_configured',
      timestamp: new Date().toISOString(),
      redis_stats: serverFigures(server),
      cache: cacheFigures(this.cache.stats(), this.redis),
    };
  }
}

function serverFigures(server: RedisServerStats | undefined): RedisServerFigures {
  const { keyspaceHits: hits, keyspaceMisses: misses } = server ?? {};
  const isCounted = hits !== undefined && misses !== undefined;
  return {
    connected: server !== undefined,
    version: server?.version ?? null,
    uptime_seconds: server?.uptimeSeconds ?? null,
    connected_clients: server?.connectedClients ?? null,
    used_memory_human: server?.usedMemoryHuman ?? null,
    used_memory_peak_human: server?.usedMemoryPeakHuman ?? null,
    total_commands_processed: server?.totalCommandsProcessed ?? null,
    instantaneous_ops_per_sec: server?.instantaneousOpsPerSec ?? null,
    keyspace_hits: hits ?? null,
    keyspace_misses: misses ?? null,
    hit_rate: isCounted ? hitRate(hits, misses) : null,
    hit_ratio: isCounted ? hitRatio(hits, misses) : null,
  };
}

function cacheFigures(
  { store, entries, bytes, l1, ...stats }: CacheStats,
  { topology, breaker }: Pick<RedisService, 'topology' | 'breaker'>,
): CacheFigures {
  const prefixes = [...stats.prefixes]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([prefix, figures]) => prefixFigures(prefix, figures));
  const total = (count: (figures: CachePrefixFigures) => number) =>
    prefixes.reduce((sum, figures) => sum + count(figures), 0);
  return {
    store,
    topology: store === 'redis' ? (topology ?? null) : null,
    breaker: store === 'redis' ? (breaker ?? null) : null,
    entries: entries ?? null,
    bytes: bytes ?? null,
    l1_entries: l1.entries,
    l1_bytes: l1.bytes,
    invalidations: stats.invalidationMs.count,
    invalidation_errors: stats.invalidationErrors,
    hit_ratio: hitRatio(
      total(({ hits }) => hits),
      total(({ misses }) => misses),
    ),
    prefixes,
  };
}

function prefixFigures(prefix: string, figures: PrefixStatistics): CachePrefixFigures {
  const { hits, misses, loadMs } = figures;
  return {
    prefix,
    hits,
    misses,
    hit_ratio: hitRatio(hits, misses),
    coalesced: figures.coalesced,
    stale: figures.stale,
    refreshes: figures.refreshes,
    refresh_failures: figures.refreshFailures,
    bypasses: figures.bypasses,
    overloaded: figures.overloaded,
    stores: figures.stores,
    errors: figures.errors,
    stored_bytes: figures.storedBytes,
    hit_bytes: figures.hitBytes,
    mean_load_ms: loadMs.count === 0 ? null : rounded(loadMs.sum / loadMs.count),
    p50_load_ms: quantileOf(loadMs, 0.5),
    p95_load_ms: quantileOf(loadMs, 0.95),
  };
}

function quantileOf(counts: HistogramCounts, part: number): number | null {
  const value = quantile(counts, part);
  return value === undefined ? null : rounded(value);
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}
