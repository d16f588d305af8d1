import type { NoStoreReason } from './factory.js';
import type { Subject } from './subject.js';
import type { StaleReason } from './with-timeouts.js';

/**
 * Why something is not looked up: it tells who asks where nothing says who shares the answer; the scope names nobody; there is
 * no key; or something has shaped the response already, such as a middleware that names its type.
 */
export type BypassReason = 'authorization' | 'nobody-to-share-with' | 'no-key' | 'not-plain';

/** When a sampled hit is looked at again, ms after it. What is still wrong at a later look was not just invalidated late. */
export const AUDIT_AFTER_MS = [100, 1000, 10_000] as const;
/** One of {@link AUDIT_AFTER_MS}. */
export type AuditAfterMs = (typeof AUDIT_AFTER_MS)[number];

/**
 * Why a look came to no verdict. `busy`: there was too much to do. `failed`: the method failed, or gave nothing to compare.
 * `unsteady`: it gave something else each time. `store-away`: the store could not be asked.
 */
export const auditSkips = ['busy', 'failed', 'unsteady', 'store-away'] as const;
/** One of {@link auditSkips}. */
export type AuditSkip = (typeof auditSkips)[number];

/**
 * Everything the engine has to tell; log lines, statistics and metrics are made from it. An `error` is what was thrown, for
 * whoever looks for the cause: its text may quote what a caller sent, so no log of ours has it.
 */
export type CacheEvent =
  | { event: 'cache.lookup'; subject: Subject }
  | { event: 'cache.hit'; subject: Subject; bytes: number }
  /** Also of a caller who wants a new answer, and may have one: then nothing was looked up. */
  | { event: 'cache.miss'; subject: Subject; isRenewal?: true }
  /** A caller was given the result of another's run, after waiting so long for it. */
  | { event: 'cache.coalesced'; subject: Subject; durationMs: number }
  /** The method ran, for so long. */
  | { event: 'cache.loaded'; subject: Subject; durationMs: number }
  /** An entry is kept; `ttlMs` is what jitter has left of its TTL. */
  | { event: 'cache.stored'; subject: Subject; ttlMs: number; bytes: number }
  /** An entry was given so long after the end of its TTL. */
  | { event: 'cache.stale_served'; subject: Subject; reason: StaleReason; staleMs: number }
  /** An entry that would soon have expired was replaced behind the answers. */
  | { event: 'cache.refreshed'; subject: Subject }
  | { event: 'cache.refresh_failed'; subject: Subject; reason: string; error: unknown }
  /** `header`: the name of the one that the route does not store, where that is the reason. */
  | { event: 'cache.no_store'; subject: Subject; reason: NoStoreReason; header?: string; error?: unknown }
  /** A lookup goes past the cache, the header's `BYPASS`: the store did not answer, or the cache is switched off. */
  | { event: 'cache.fallback'; subject: Subject; reason?: 'switched-off' }
  /** A caller was turned away by the bulkhead. */
  | { event: 'cache.overloaded'; subject: Subject }
  /** A request to a route, or a call of a method, is not looked up: nobody could share its answer, or nothing names it. */
  | { event: 'cache.bypass'; prefix: string; method: string; reason: BypassReason }
  /** The store did not answer a question. */
  | { event: 'cache.get_error'; subject: Subject; reason: string }
  /** The store did not keep an entry. */
  | { event: 'cache.set_error'; subject: Subject; reason: string }
  /**
   * There is something in an entry's place, or in that of its value, that this program has not written: the method runs. The
   * look-up has an event of its own beside it, and only one: `cache.miss`, or `cache.hit` where the entry itself was good.
   */
  | { event: 'cache.decode_error'; subject: Subject }
  /** A served entry was looked at again, so long after. */
  | { event: 'cache.audited'; subject: Subject; afterMs: AuditAfterMs }
  /** It was still being served then, and its source said something else. */
  | { event: 'cache.audit_wrong'; subject: Subject; afterMs: AuditAfterMs }
  /** A look at a served entry came to no verdict. */
  | { event: 'cache.audit_skipped'; subject: Subject; reason: AuditSkip }
  /** Nothing names the form of a route's answers: after a change of it, old ones are served until their TTL. */
  | { event: 'cache.shape_unknown'; method: string }
  /** A request says who asks, with `Authorization`, and its route not who shares the answers: it is answered past the cache. */
  | { event: 'cache.scope_unknown'; method: string }
  /** There is no key for a request to a route, or for a call of a method, so it is answered past the cache. */
  | { event: 'cache.key_failed'; method: string; reason: string; error: unknown }
  /** A function of `@InvalidateCache` threw, or a template met what no tag can name: everything is invalidated. */
  | { event: 'cache.rule_failed'; method: string; reason: string; error: unknown }
  /** An invalidation is confirmed by the store, where there is one. */
  | { event: 'cache.invalidated'; tags: readonly string[]; durationMs: number }
  /** The store has not confirmed an invalidation. */
  | { event: 'cache.invalidate_error'; tags: readonly string[]; reason: string };

export type EmitCacheEvent = (event: CacheEvent) => void;
