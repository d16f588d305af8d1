import type { CacheEntry } from './cache-entry.js';
import type { Clock } from './clock.js';

/** An entry in this process, with what is known of its age and of its tokens. Times are monotonic. */
export interface HeldEntry {
  readonly entry: CacheEntry;
  /** When the run that gave it began, or earlier; of an entry from the store an estimate of that. */
  readonly bornAtMs: number;
  readonly freshUntilMs: number;
  readonly usableUntilMs: number;
  /** The position of the {@link InvalidationLog} at which its tokens were the present ones. */
  validAtPosition: number;
  /** When the store was last asked for its tokens, and they were these. */
  comparedAtMs: number;
}

/**
 * @param leftMs        what is left of `ttlMs + graceMs` at `atMs`
 * @param comparedAtMs  default `atMs`
 */
export function heldEntry(
  entry: CacheEntry,
  leftMs: number,
  atMs: number,
  validAtPosition: number,
  comparedAtMs = atMs,
): HeldEntry {
  const usableUntilMs = atMs + leftMs;
  return {
    entry,
    // What is left of its life was counted from the end of its run.
    bornAtMs: usableUntilMs - entry.graceMs - entry.ttlMs - entry.loadMs,
    freshUntilMs: usableUntilMs - entry.graceMs,
    usableUntilMs,
    validAtPosition,
    comparedAtMs,
  };
}

export function isFresh(held: HeldEntry | undefined, clock: Clock): boolean {
  return held !== undefined && held.freshUntilMs > clock.monotonicMs();
}

/** An entry that may be served, and where it stands in its life. */
export interface Found {
  readonly entry: CacheEntry;
  readonly ageMs: number;
  /** What is left of its TTL, ms; negative when it is stale. */
  readonly freshForMs: number;
}

/** Where it stands in its life at this moment. */
export function foundNow({ entry, bornAtMs, freshUntilMs }: HeldEntry, clock: Clock): Found {
  const now = clock.monotonicMs();
  return { entry, ageMs: Math.max(0, now - bornAtMs), freshForMs: freshUntilMs - now };
}
