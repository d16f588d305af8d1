import { randomBytes } from 'node:crypto';
import type { Clock } from '../engine/clock.js';
import type { Store, StoreRead } from '../engine/store.js';

interface Held {
  readonly bytes: Buffer;
  readonly expiresAtMs: number;
}

/** Bytes an entry costs beside its own: key, map slot, object. */
const OVERHEAD_BYTES = 200;
const MAX_TOKENS = 200_000;

/**
 * Entries and tokens in this process, bounded in bytes; what was used longest ago goes first. Serves one process only:
 * nothing tells other processes of an invalidation.
 */
export class MemoryStore implements Store {
  readonly kind = 'memory';
  readonly #entries = new Map<string, Held>();
  readonly #tokens = new Map<string, string>();
  readonly #clock: Clock;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(clock: Clock, maxBytes: number) {
    this.#clock = clock;
    this.#maxBytes = maxBytes;
  }

  isAvailable(): boolean {
    return true;
  }

  read(key: string, tags: readonly string[]): Promise<StoreRead> {
    return Promise.resolve({ entry: this.#entry(key), tokens: tags.map((tag) => this.#tokens.get(tag)) });
  }

  open(key: string, tags: readonly string[]): Promise<StoreRead> {
    const tokens = tags.map((tag) =>
      this.#renew(tag, this.#tokens.get(tag) ?? randomBytes(12).toString('base64url')),
    );
    return Promise.resolve({ entry: this.#entry(key), tokens });
  }

  write(key: string, entry: Buffer, ttlMs: number): Promise<void> {
    this.#remove(key);
    const cost = entry.length + OVERHEAD_BYTES;
    if (cost > this.#maxBytes) return Promise.resolve();
    this.#entries.set(key, { bytes: entry, expiresAtMs: this.#clock.monotonicMs() + ttlMs });
    this.#bytes += cost;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#remove(oldest);
    }
    return Promise.resolve();
  }

  drop(tags: readonly string[]): Promise<void> {
    for (const tag of tags) this.#tokens.delete(tag);
    return Promise.resolve();
  }

  size(): { entries: number; bytes: number } {
    return { entries: this.#entries.size, bytes: this.#bytes };
  }

  #entry(key: string): Buffer | undefined {
    const held = this.#entries.get(key);
    if (!held) return undefined;
    if (held.expiresAtMs <= this.#clock.monotonicMs()) {
      this.#remove(key);
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, held);
    return held.bytes;
  }

  #remove(key: string): void {
    const held = this.#entries.get(key);
    if (!held) return;
    this.#entries.delete(key);
    this.#bytes -= held.bytes.length + OVERHEAD_BYTES;
  }

  /** A token that falls out makes its entries misses, never stale. */
  #renew(tag: string, token: string): string {
    this.#tokens.delete(tag);
    this.#tokens.set(tag, token);
    if (this.#tokens.size > MAX_TOKENS) {
      const [oldest] = this.#tokens.keys();
      if (oldest !== undefined) this.#tokens.delete(oldest);
    }
    return token;
  }
}
