import { bodyLength, type CacheEntry } from './cache-entry.js';
import type { Clock } from './clock.js';
import type { HeldEntry } from './held-entry.js';
import { OwnMemory } from './own-memory.js';

interface Slot {
  readonly keyText: string;
  /** Absent where it was dropped: the key keeps its place, see {@link BoundedMap}, until room is needed or another is held. */
  held: HeldEntry | undefined;
  bytes: number;
  /** Since the hand last came by. */
  isUsed: boolean;
  /** Neighbours in the order of arrival. */
  older: Slot | undefined;
  newer: Slot | undefined;
}

/** What an entry costs beside its texts and its body: objects, map slots, buffer. Measured, see docs/benchmarks.md. */
const OVERHEAD_BYTES = 1000;

/** What a key costs of which nothing is held, beside its text. Rather too much: half of it was measured. */
const EMPTY_BYTES = 300;

/** So many used entries are passed over for one that goes: what it takes has a bound. */
const MAX_PASSED_OVER = 32;

/**
 * The entries of this process (L1), bounded in bytes. For room a hand goes over them in the order of their arrival, passes
 * over what was used since it last came by, and throws away the rest, for good: what nobody asks for twice goes soon, and
 * a flood of it leaves the others alone. A hit costs a mark, unlike in a list in the order of use.
 *
 * @see Zhang and others, SIEVE is Simpler than LRU, NSDI 2024
 */
export class L1Entries {
  readonly #slots = new Map<string, Slot>();
  readonly #clock: Clock;
  readonly #maxBytes: number;
  /** Absent where nothing is held. */
  readonly #memory: OwnMemory | undefined;
  #bytes = 0;
  #entries = 0;
  #oldest: Slot | undefined;
  #newest: Slot | undefined;
  /** Where it goes on; at the end it begins again with the oldest. */
  #hand: Slot | undefined;

  /** @param maxBytes 0 holds nothing */
  constructor(clock: Clock, maxBytes: number) {
    this.#clock = clock;
    this.#maxBytes = maxBytes;
    if (maxBytes > 0) this.#memory = new OwnMemory();
  }

  /** The entry as it may be held here; where nothing is, as it comes. */
  owned(entry: CacheEntry): CacheEntry {
    return this.#memory?.of(entry) ?? entry;
  }

  find(keyText: string): HeldEntry | undefined {
    const slot = this.#slots.get(keyText);
    if (!slot?.held) return undefined;
    if (slot.held.usableUntilMs <= this.#clock.monotonicMs()) {
      this.#empty(slot);
      return undefined;
    }
    slot.isUsed = true;
    return slot.held;
  }

  /** @returns whether there is room for it at all */
  hold(held: HeldEntry): boolean {
    if (!this.#memory) return false;
    const { keyText } = held.entry;
    const replaced = this.#slots.get(keyText);
    // What is kept beside an entry stays with it.
    const bytes = replaced?.held?.entry === held.entry ? replaced.bytes : cost(held.entry);
    if (bytes > this.#maxBytes) {
      if (replaced) this.#remove(replaced);
      return false;
    }
    if (replaced) this.#unlink(replaced);
    this.#makeRoom(bytes);
    const isUsed = replaced?.isUsed ?? false;
    this.#add({ keyText, held, bytes, isUsed, older: this.#newest, newer: undefined });
    return true;
  }

  /** Another entry of the same key is left alone. */
  drop(held: HeldEntry): void {
    const slot = this.#slots.get(held.entry.keyText);
    if (slot?.held === held) this.#empty(slot);
  }

  holds(entry: CacheEntry): boolean {
    return this.#slots.get(entry.keyText)?.held?.entry === entry;
  }

  /**
   * Counts `bytes` that somebody keeps for as long as `entry` is held.
   *
   * @returns whether there is room; if not, nothing must be kept
   */
  charge(entry: CacheEntry, bytes: number): boolean {
    const slot = this.#slots.get(entry.keyText);
    if (slot?.held?.entry !== entry || slot.bytes + bytes > this.#maxBytes) return false;
    this.#makeRoom(bytes);
    if (this.#slots.get(entry.keyText) !== slot) return false;
    slot.bytes += bytes;
    this.#bytes += bytes;
    return true;
  }

  size(): { entries: number; bytes: number } {
    return { entries: this.#entries, bytes: this.#bytes };
  }

  #makeRoom(bytes: number): void {
    let passedOver = 0;
    while (this.#bytes + bytes > this.#maxBytes) {
      const slot = this.#hand ?? this.#oldest;
      if (!slot) return;
      this.#hand = slot.newer;
      if (slot.isUsed && passedOver < MAX_PASSED_OVER) {
        slot.isUsed = false;
        passedOver++;
      } else {
        this.#remove(slot);
        passedOver = 0;
      }
    }
  }

  #add(slot: Slot): void {
    this.#slots.set(slot.keyText, slot);
    this.#bytes += slot.bytes;
    this.#entries++;
    if (this.#newest) this.#newest.newer = slot;
    this.#newest = slot;
    this.#oldest ??= slot;
  }

  #remove(slot: Slot): void {
    this.#slots.delete(slot.keyText);
    this.#unlink(slot);
  }

  /** Its key stays: one that is deleted and set again and again is found ever more slowly. */
  #empty(slot: Slot): void {
    if (!slot.held) return;
    slot.held = undefined;
    this.#entries--;
    this.#bytes -= slot.bytes;
    slot.bytes = EMPTY_BYTES + 2 * slot.keyText.length;
    this.#bytes += slot.bytes;
  }

  #unlink(slot: Slot): void {
    const { older, newer } = slot;
    this.#empty(slot);
    this.#bytes -= slot.bytes;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
    if (this.#hand === slot) this.#hand = newer;
  }
}

function cost(entry: CacheEntry): number {
  const { keyText, tags, tokens, head } = entry;
  const texts = [...tags, ...tokens, ...Object.entries(head).flat()];
  return texts.reduce(
    (sum, text) => sum + text.length,
    OVERHEAD_BYTES + 2 * keyText.length + bodyLength(entry),
  );
}
