import { ApiProperty } from '@nestjs/swagger';
import { Amount, Count, Instant, Share } from '../http/answer-fields.js';

/** The Redis server's own figures: they count the keys of everybody who uses it. */
export class RedisServerFigures {
  /**
   * Whether Redis answers
   * @example true
   */
  connected!: boolean;

  /**
   * Version of the server; null without Redis
   * @example "7.0.15"
   */
  version!: string | null;

  /**
   * Time since the server was started, seconds; null without Redis
   * @example 86400
   */
  @Count()
  uptime_seconds!: number | null;

  /**
   * Clients connected to the server; null without Redis
   * @example 4
   */
  @Count()
  connected_clients!: number | null;

  /**
   * Memory in use, with its unit; null without Redis
   * @example "1.52M"
   */
  used_memory_human!: string | null;

  /**
   * Most memory ever in use, with its unit; null without Redis
   * @example "2.04M"
   */
  used_memory_peak_human!: string | null;

  /**
   * Commands since the server was started; null without Redis
   * @example 120345
   */
  @Count()
  total_commands_processed!: number | null;

  /**
   * Commands a second at the moment; null without Redis
   * @example 12
   */
  @Count()
  instantaneous_ops_per_sec!: number | null;

  /**
   * Look-ups that found their key; null without Redis
   * @example 700
   */
  @Count()
  keyspace_hits!: number | null;

  /**
   * Look-ups that did not; null without Redis
   * @example 100
   */
  @Count()
  keyspace_misses!: number | null;

  /**
   * Hits among all look-ups of the server, percent; "N/A" before the first; null without Redis
   * @example "87.50%"
   */
  hit_rate!: string | null;

  /**
   * The same as a number, 0 to 1; null without look-ups or without Redis
   * @example 0.875
   */
  @Share()
  hit_ratio!: number | null;
}

/** What this cache did for one prefix, in this process, since it started. */
export class CachePrefixFigures {
  /**
   * Prefix of the keys, one for each cached method; `default` counts what has none of its own
   * @example "course_analytics"
   */
  prefix!: string;

  /**
   * Look-ups that found a usable entry
   * @example 900
   */
  @Count()
  hits!: number;

  /**
   * Look-ups that did not
   * @example 100
   */
  @Count()
  misses!: number;

  /**
   * Hits among hits and misses, 0 to 1; null before the first look-up
   * @example 0.9
   */
  @Share()
  hit_ratio!: number | null;

  /**
   * Callers who waited for another's run of the method instead of running it themselves
   * @example 12
   */
  @Count()
  coalesced!: number;

  /**
   * Answers beyond their TTL, given because the method failed or took too long
   * @example 0
   */
  @Count()
  stale!: number;

  /**
   * Entries replaced before they expired, while nobody waited
   * @example 40
   */
  @Count()
  refreshes!: number;

  /**
   * Refreshes whose run failed
   * @example 0
   */
  @Count()
  refresh_failures!: number;

  /**
   * Answers refused with 503 because the store was away and too many were being computed
   * @example 0
   */
  @Count()
  overloaded!: number;

  /**
   * What went past the cache: its store was away, it is switched off, or nobody could share the answer
   * @example 0
   */
  @Count()
  bypasses!: number;

  /**
   * Entries stored
   * @example 98
   */
  @Count()
  stores!: number;

  /**
   * Failed reads and writes of the store, and entries that could not be read
   * @example 0
   */
  @Count()
  errors!: number;

  /**
   * Bytes stored, all entries together
   * @example 401408
   */
  @Count()
  stored_bytes!: number;

  /**
   * Bytes served from the cache
   * @example 3686400
   */
  @Count()
  hit_bytes!: number;

  /**
   * Mean time that the method itself took, ms; null before its first run
   * @example 18.4
   */
  @Amount()
  mean_load_ms!: number | null;

  /**
   * Half of the runs took less, ms; estimated from counts between fixed bounds; null before the first run
   * @example 17.5
   */
  @Amount()
  p50_load_ms!: number | null;

  /**
   * 95 % of the runs took less, ms; estimated likewise, 30,000 at most; null before the first run
   * @example 42.5
   */
  @Amount()
  p95_load_ms!: number | null;
}

/** This cache's own figures: this process's look-ups, nobody else's. */
export class CacheFigures {
  /**
   * Where entries live: in Redis, in the memory of this process, or nowhere (switched off)
   * @example "redis"
   */
  @ApiProperty({ enum: ['redis', 'memory', 'none'] })
  store!: 'redis' | 'memory' | 'none';

  /**
   * What Redis consists of: one server, the master that sentinels name, or the masters of a cluster; null without Redis
   * @example "single"
   */
  @ApiProperty({ enum: ['single', 'sentinel', 'cluster', null], nullable: true, type: String })
  topology!: 'single' | 'sentinel' | 'cluster' | null;

  /**
   * Whether Redis is asked: `closed` yes, `open` no, `half-open` again after an outage, and the next answer decides; null
   * without Redis
   * @example "closed"
   */
  @ApiProperty({ enum: ['closed', 'open', 'half-open', null], nullable: true, type: String })
  breaker!: 'closed' | 'open' | 'half-open' | null;

  /**
   * Entries held at the moment; null where the store does not know (Redis)
   * @example null
   */
  @Count()
  entries!: number | null;

  /**
   * Bytes held at the moment; null where the store does not know (Redis)
   * @example null
   */
  @Count()
  bytes!: number | null;

  /**
   * Entries in the memory of this process at the moment
   * @example 120
   */
  @Count()
  l1_entries!: number;

  /**
   * Memory that they take, bytes; at most CACHE_L1_MAX_BYTES
   * @example 524288
   */
  @Count()
  l1_bytes!: number;

  /**
   * Invalidations carried out
   * @example 40
   */
  @Count()
  invalidations!: number;

  /**
   * Invalidations that the store did not confirm
   * @example 0
   */
  @Count()
  invalidation_errors!: number;

  /**
   * Hits among hits and misses of all prefixes, 0 to 1; null before the first look-up
   * @example 0.9
   */
  @Share()
  hit_ratio!: number | null;

  /** By prefix, in alphabetical order */
  prefixes!: CachePrefixFigures[];
}

/** Both, side by side. */
export class RedisStatsDto {
  /**
   * `success`, or `not_configured` without REDIS_URL; a configured Redis that is away is answered with a problem
   * @example "success"
   */
  @ApiProperty({ enum: ['success', 'not_configured'] })
  status!: 'success' | 'not_configured';

  /**
   * When the figures were read
   * @example "2026-02-05T18:52:18.000Z"
   */
  @Instant()
  timestamp!: string;

  /** The server's own figures */
  redis_stats!: RedisServerFigures;

  /** This cache's own figures */
  cache!: CacheFigures;
}
