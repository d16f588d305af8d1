import type { AuditAfterMs, AuditSkip } from './audit-verdict.js';
import type { StaleReason } from './patience.js';
import type { NotStored, Subject } from './subject.js';

/** Everything the engine has to tell; log lines, statistics and metrics are made from it. */
export type CacheEvent =
  | { event: 'cache.lookup'; subject: Subject }
  | { event: 'cache.hit'; subject: Subject; bytes: number }
  | { event: 'cache.miss'; subject: Subject }
  | { event: 'cache.coalesced'; subject: Subject; durationMs: number }
  | { event: 'cache.loaded'; subject: Subject; durationMs: number }
  | { event: 'cache.stored'; subject: Subject; ttlMs: number; bytes: number }
  | { event: 'cache.stale_served'; subject: Subject; reason: StaleReason; staleMs: number }
  | { event: 'cache.refreshed'; subject: Subject }
  | { event: 'cache.refresh_failed'; subject: Subject; reason: string }
  | { event: 'cache.no_store'; subject: Subject; reason: NoStoreReason }
  | { event: 'cache.fallback'; subject: Subject; reason?: 'switched-off' }
  | { event: 'cache.overloaded'; subject: Subject }
  | { event: 'cache.get_error'; subject: Subject; reason: string }
  | { event: 'cache.set_error'; subject: Subject; reason: string }
  | { event: 'cache.decode_error'; subject: Subject }
  /** A served entry was looked at again, so long after. */
  | { event: 'cache.audited'; subject: Subject; afterMs: AuditAfterMs }
  /** It was still being served then, and its source said something else. */
  | { event: 'cache.audit_wrong'; subject: Subject; afterMs: AuditAfterMs }
  | { event: 'cache.audit_skipped'; subject: Subject; reason: AuditSkip }
  /** Nothing names the form of a route's answers: after a change of it, old ones are served until their TTL. */
  | { event: 'cache.shape_unknown'; method: string }
  /** A request says who asks, with `Authorization`, and its route not who shares the answers: it is answered past the cache. */
  | { event: 'cache.scope_unknown'; method: string }
  /** There is no key for a request to a route, so it is answered past the cache. */
  | { event: 'cache.key_failed'; method: string; reason: string }
  /** A function of `@InvalidateCache` threw, or a template met what no tag can name: everything is invalidated. */
  | { event: 'cache.rule_failed'; method: string; reason: string }
  | { event: 'cache.invalidated'; tags: readonly string[]; durationMs: number }
  | { event: 'cache.invalidate_error'; tags: readonly string[]; reason: string };

/**
 * Why an answer was not stored: computed before a newer write; begun before it was known that arguments name further tags;
 * the method's own `unless`, or a TTL of 0; another status than 200; a header that the route does not store; no JSON object; a
 * value that has no stored form; a function of the decorator that threw; an interceptor that answered in the handler's place;
 * made of something beyond its TTL, or of what was read in a transaction that began outside of the run.
 */
export type NoStoreReason = 'newer-write' | 'tags-unknown' | NotStored;

export type EmitCacheEvent = (event: CacheEvent) => void;
