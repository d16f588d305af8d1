import type { CacheEntry } from './cache-entry.js';
import type { Clock } from './clock.js';
import type { Found } from './subject.js';

/** An entry in this process, with what is known of its age and of its tokens. Times are monotonic. */
export interface HeldEntry {
  readonly entry: CacheEntry;
  readonly tags: readonly string[];
  /** When the run began that gave it, or before. */
  readonly bornAtMs: number;
  readonly freshUntilMs: number;
  readonly usableUntilMs: number;
  /** The moment of the {@link InvalidationLog} at which its tokens were the present ones. */
  knownGoodAt: number;
}

interface Slot {
  readonly held: HeldEntry;
  bytes: number;
}

/** @param leftMs what is left of `ttlMs + graceMs` at `atMs` */
export function heldEntry(entry: CacheEntry, leftMs: number, atMs: number, knownGoodAt: number): HeldEntry {
  const usableUntilMs = atMs + leftMs;
  return {
    entry,
    tags: Object.keys(entry.tokens),
    bornAtMs: usableUntilMs - entry.graceMs - entry.ttlMs,
    freshUntilMs: usableUntilMs - entry.graceMs,
    usableUntilMs,
    knownGoodAt,
  };
}

export function isFresh(held: HeldEntry | undefined, clock: Clock): boolean {
  return held !== undefined && held.freshUntilMs > clock.monotonicMs();
}

/** Where it stands in its life at this moment. */
export function standing({ entry, bornAtMs, freshUntilMs }: HeldEntry, clock: Clock): Found {
  const now = clock.monotonicMs();
  return { entry, ageMs: Math.max(0, now - bornAtMs), freshForMs: freshUntilMs - now };
}

/** What an entry costs beside its texts and its body: objects, map slots, buffer. Measured, see docs/benchmarks.md. */
const OVERHEAD_BYTES = 700;

/** The entries of this process (L1), bounded in bytes; what was used longest ago goes first. */
export class NearEntries {
  readonly #slots = new Map<string, Slot>();
  readonly #clock: Clock;
  readonly #maxBytes: number;
  #bytes = 0;

  /** @param maxBytes 0 holds nothing */
  constructor(clock: Clock, maxBytes: number) {
    this.#clock = clock;
    this.#maxBytes = maxBytes;
  }

  find(keyText: string): HeldEntry | undefined {
    const slot = this.#slots.get(keyText);
    if (!slot) return undefined;
    if (slot.held.usableUntilMs <= this.#clock.monotonicMs()) {
      this.#remove(keyText, slot);
      return undefined;
    }
    this.#slots.delete(keyText);
    this.#slots.set(keyText, slot);
    return slot.held;
  }

  hold(held: HeldEntry): void {
    const { keyText } = held.entry;
    const replaced = this.#slots.get(keyText);
    if (replaced) this.#remove(keyText, replaced);
    const bytes = cost(held.entry);
    if (bytes > this.#maxBytes) return;
    this.#slots.set(keyText, { held, bytes });
    this.#bytes += bytes;
    this.#shrink();
  }

  /**
   * Counts `bytes` that somebody keeps for as long as `entry` is held.
   *
   * @returns whether there is room; if not, nothing must be kept
   */
  charge(entry: CacheEntry, bytes: number): boolean {
    const slot = this.#slots.get(entry.keyText);
    if (slot?.held.entry !== entry || slot.bytes + bytes > this.#maxBytes) return false;
    slot.bytes += bytes;
    this.#bytes += bytes;
    this.#shrink();
    return this.#slots.has(entry.keyText);
  }

  size(): { entries: number; bytes: number } {
    return { entries: this.#slots.size, bytes: this.#bytes };
  }

  #shrink(): void {
    for (const [keyText, slot] of this.#slots) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#remove(keyText, slot);
    }
  }

  #remove(keyText: string, slot: Slot): void {
    this.#slots.delete(keyText);
    this.#bytes -= slot.bytes;
  }
}

function cost({ keyText, tokens, head, body }: CacheEntry): number {
  const texts = [...Object.entries(tokens), ...Object.entries(head)].flat();
  return texts.reduce((sum, text) => sum + text.length, OVERHEAD_BYTES + 2 * keyText.length + body.length);
}
