import type { CacheEvent } from './cache-events.js';

/** What this process's cache did for one prefix since it started. */
export interface PrefixStatistics {
  hits: number;
  misses: number;
  /** Callers who waited for another's run instead of running themselves. */
  coalesced: number;
  /** Answers beyond their TTL, given because the run failed or took too long. */
  stale: number;
  /** Lookups that went past the cache, because its store was away. */
  bypasses: number;
  stores: number;
  errors: number;
  storedBytes: number;
  hitBytes: number;
  /** Time that runs of the method took, ms, all together. */
  loadMs: number;
  loads: number;
}

/** This cache's own figures, counted from its own events; the server's counters hold everyone's keys. */
export class CacheStatistics {
  readonly #prefixes = new Map<string, PrefixStatistics>();
  #invalidations = 0;
  #invalidationErrors = 0;

  record(event: CacheEvent): void {
    if (event.event === 'cache.invalidated') this.#invalidations++;
    else if (event.event === 'cache.invalidate_error') this.#invalidationErrors++;
    else this.#count(event, this.#of(event.subject.prefix));
  }

  get invalidations(): number {
    return this.#invalidations;
  }

  get invalidationErrors(): number {
    return this.#invalidationErrors;
  }

  /** A copy, by prefix; every prefix of the application is there from the start. */
  byPrefix(): ReadonlyMap<string, Readonly<PrefixStatistics>> {
    return new Map([...this.#prefixes].map(([prefix, figures]) => [prefix, { ...figures }]));
  }

  /** Makes room for a prefix before its first event. */
  expect(prefix: string): void {
    this.#of(prefix);
  }

  #count(event: Exclude<CacheEvent, { tags: unknown }>, figures: PrefixStatistics): void {
    switch (event.event) {
      case 'cache.hit':
        figures.hits++;
        figures.hitBytes += event.bytes;
        break;
      case 'cache.miss':
        figures.misses++;
        break;
      case 'cache.coalesced':
        figures.coalesced++;
        break;
      case 'cache.stale_served':
        figures.stale++;
        break;
      case 'cache.fallback':
        figures.bypasses++;
        break;
      case 'cache.loaded':
        figures.loads++;
        figures.loadMs += event.durationMs;
        break;
      case 'cache.stored':
        figures.stores++;
        figures.storedBytes += event.bytes;
        break;
      case 'cache.get_error':
      case 'cache.set_error':
      case 'cache.decode_error':
      case 'cache.refresh_failed':
      case 'cache.overloaded':
        figures.errors++;
        break;
      case 'cache.lookup':
      case 'cache.no_store':
        break;
    }
  }

  #of(prefix: string): PrefixStatistics {
    const known = this.#prefixes.get(prefix);
    if (known) return known;
    const fresh: PrefixStatistics = {
      hits: 0,
      misses: 0,
      coalesced: 0,
      stale: 0,
      bypasses: 0,
      stores: 0,
      errors: 0,
      storedBytes: 0,
      hitBytes: 0,
      loadMs: 0,
      loads: 0,
    };
    this.#prefixes.set(prefix, fresh);
    return fresh;
  }
}
