import {
  AUDIT_AFTER_MS,
  auditSkips,
  type AuditAfterMs,
  type AuditSkip,
  type CacheEvent,
} from './cache-events.js';
import { Histogram, type HistogramCounts } from './histogram.js';
import { DEFAULT_PREFIX } from './tags.js';

/** What this process's cache did for one prefix since it started. */
export interface PrefixStatistics {
  /** Look-ups that found a fresh entry. One whose value could not be read is also one of {@link errors}. */
  readonly hits: number;
  /** Look-ups that found no fresh entry, and requests for a new answer: {@link renewals}. */
  readonly misses: number;
  /** Misses whose callers asked for a new answer, whatever was kept, and may have one. */
  readonly renewals: number;
  /** Callers who were given the result of another's run that they had waited for. */
  readonly coalesced: number;
  /** Answers beyond their TTL, given because the run failed or took too long. */
  readonly stale: number;
  /** Entries replaced before they expired, behind the answers. */
  readonly refreshes: number;
  /** Answers refused because the store is away and too many are being computed. */
  readonly overloaded: number;
  /** Requests and calls that went past the cache: its store is away, it is switched off, or nobody could share the answer. */
  readonly bypasses: number;
  /** Entries stored. */
  readonly stores: number;
  /** Refreshes whose run failed: the older entry was kept as long as it may be. */
  readonly refreshFailures: number;
  /** Entries that could not be read, decoded or written. */
  readonly errors: number;
  /** Bytes of the bodies that were stored. */
  readonly storedBytes: number;
  /** Bytes of the bodies of all hits. */
  readonly hitBytes: number;
  /** How long runs of the method took, ms. */
  readonly loadMs: HistogramCounts;
  /** How far beyond their TTL stale answers were, ms. */
  readonly staleMs: HistogramCounts;
  /** Audits that came to a verdict, by the time since the hit. */
  readonly audits: ReadonlyMap<AuditAfterMs, number>;
  /** Audits whose entry was still being served although the source said something else, by the time since the hit. */
  readonly auditsWrong: ReadonlyMap<AuditAfterMs, number>;
  /** Audits without a verdict, by the reason. */
  readonly auditsSkipped: ReadonlyMap<AuditSkip, number>;
}

const LOAD_BOUNDS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000];
const STALE_BOUNDS_MS = [100, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000];
const INVALIDATION_BOUNDS_MS = [0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1000];

/**
 * This cache's own figures, counted from its events; those of the Redis server count everybody's keys. Each prefix that was
 * expected at start has figures of its own. All others share one set, so that prefixes which a program makes up as it runs
 * do not fill the memory.
 */
export class CacheStatistics {
  readonly #prefixes = new Map<string, Counters>();
  readonly #others = noCounts();
  readonly #invalidationMs = new Histogram(INVALIDATION_BOUNDS_MS);
  #invalidationErrors = 0;
  #ruleFailures = 0;

  record(event: CacheEvent): void {
    if ('subject' in event) count(this.#countersOf(event.subject.prefix), event);
    else if (event.event === 'cache.invalidated') this.#invalidationMs.observe(event.durationMs);
    else if (event.event === 'cache.invalidate_error') this.#invalidationErrors++;
    else if (event.event === 'cache.rule_failed') this.#ruleFailures++;
    else if (event.event === 'cache.bypass') this.#countersOf(event.prefix).bypasses++;
  }

  /** How long confirmed invalidations took, ms. */
  get invalidationMs(): HistogramCounts {
    return this.#invalidationMs.read();
  }

  get invalidationErrors(): number {
    return this.#invalidationErrors;
  }

  /** How often `@InvalidateCache` could not tell what is old, so that everything was invalidated. */
  get ruleFailures(): number {
    return this.#ruleFailures;
  }

  /** A copy, by prefix; every prefix of the application is there from the start. */
  byPrefix(): ReadonlyMap<string, PrefixStatistics> {
    const all = new Map(this.#prefixes).set(DEFAULT_PREFIX, this.#others);
    return new Map([...all].map(([prefix, counters]) => [prefix, read(counters)]));
  }

  #countersOf(prefix: string): Counters {
    return this.#prefixes.get(prefix) ?? this.#others;
  }

  /** Gives a prefix a line of its own. */
  expect(prefix: string): void {
    if (prefix !== DEFAULT_PREFIX && !this.#prefixes.has(prefix)) this.#prefixes.set(prefix, noCounts());
  }
}

type Counters = ReturnType<typeof noCounts>;

function noCounts() {
  return {
    hits: 0,
    misses: 0,
    renewals: 0,
    coalesced: 0,
    stale: 0,
    refreshes: 0,
    overloaded: 0,
    bypasses: 0,
    stores: 0,
    refreshFailures: 0,
    errors: 0,
    storedBytes: 0,
    hitBytes: 0,
    loadMs: new Histogram(LOAD_BOUNDS_MS),
    staleMs: new Histogram(STALE_BOUNDS_MS),
    audits: zeros(AUDIT_AFTER_MS),
    auditsWrong: zeros(AUDIT_AFTER_MS),
    auditsSkipped: zeros(auditSkips),
  };
}

function zeros<Key>(keys: readonly Key[]): Map<Key, number> {
  return new Map(keys.map((key) => [key, 0]));
}

function increment<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function read(counters: Counters): PrefixStatistics {
  return {
    ...counters,
    loadMs: counters.loadMs.read(),
    staleMs: counters.staleMs.read(),
    audits: new Map(counters.audits),
    auditsWrong: new Map(counters.auditsWrong),
    auditsSkipped: new Map(counters.auditsSkipped),
  };
}

function count(counters: Counters, event: Extract<CacheEvent, { subject: unknown }>): void {
  switch (event.event) {
    case 'cache.hit':
      counters.hits++;
      counters.hitBytes += event.bytes;
      break;
    case 'cache.miss':
      counters.misses++;
      if (event.isRenewal) counters.renewals++;
      break;
    case 'cache.coalesced':
      counters.coalesced++;
      break;
    case 'cache.stale_served':
      counters.stale++;
      counters.staleMs.observe(event.staleMs);
      break;
    case 'cache.refreshed':
      counters.refreshes++;
      break;
    case 'cache.refresh_failed':
      counters.refreshFailures++;
      break;
    case 'cache.overloaded':
      counters.overloaded++;
      break;
    case 'cache.fallback':
      counters.bypasses++;
      break;
    case 'cache.loaded':
      counters.loadMs.observe(event.durationMs);
      break;
    case 'cache.stored':
      counters.stores++;
      counters.storedBytes += event.bytes;
      break;
    case 'cache.audited':
      increment(counters.audits, event.afterMs);
      break;
    case 'cache.audit_wrong':
      increment(counters.auditsWrong, event.afterMs);
      break;
    case 'cache.audit_skipped':
      increment(counters.auditsSkipped, event.reason);
      break;
    case 'cache.get_error':
    case 'cache.set_error':
    case 'cache.decode_error':
      counters.errors++;
      break;
    case 'cache.lookup':
    case 'cache.no_store':
      break;
  }
}
