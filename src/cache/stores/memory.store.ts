import { BoundedMap } from '../engine/bounded-map.js';
import type { CacheEntry } from '../engine/cache-entry.js';
import { CacheError } from '../engine/cache-errors.js';
import type { Clock } from '../engine/clock.js';
import { heldEntry } from '../engine/held-entry.js';
import type { L1Entries } from '../engine/l1-entries.js';
import {
  TOO_LARGE,
  type EntryName,
  type Lease,
  type Store,
  type StoreOpened,
  type StoreRead,
} from '../engine/store.js';
import { newToken, softened } from '../engine/tokens.js';

const MAX_TOKENS = 200_000;
const MAX_LEASES = 10_000;

/**
 * Entries, tokens and leases in this process. Serves one process only: nothing tells other processes of an invalidation.
 * Its entries are those of L1: without Redis the first tier is the store.
 */
export class MemoryStore implements Store {
  readonly kind = 'memory';
  readonly isShared: boolean = false;
  readonly #tokens = new BoundedMap<string>(MAX_TOKENS);
  readonly #leases = new BoundedMap<{ owner: string; endsAtMs: number }>(MAX_LEASES);
  readonly #clock: Clock;
  readonly #entries: L1Entries;
  readonly #tokensBeginWith: string;

  constructor(clock: Clock, entries: L1Entries, tokensBeginWith = '') {
    this.#clock = clock;
    this.#entries = entries;
    this.#tokensBeginWith = tokensBeginWith;
  }

  /** Goes on with the token of another store. */
  adopt(tag: string, token: string): void {
    this.#renew(tag, token);
  }

  /** Takes its token away, unless it is this one. */
  cede(tag: string, token: string): void {
    if (this.#tokens.get(tag) !== token) this.#tokens.delete(tag);
  }

  /** Whatever was kept until now is a miss. */
  forget(): void {
    this.#tokens.clear();
  }

  /** Whether the lease was taken here. */
  isLeasedTo({ keyText }: EntryName, owner: string): boolean {
    return this.#leases.get(keyText)?.owner === owner;
  }

  isAvailable(): boolean {
    return true;
  }

  partitionOf(): string {
    return '';
  }

  read({ keyText }: EntryName, tags: readonly string[]): Promise<StoreRead> {
    return Promise.resolve({ ...this.#stored(keyText), tokens: tags.map((tag) => this.#tokens.get(tag)) });
  }

  open(
    name: EntryName,
    tags: readonly string[],
    _tokenTtlMs: number,
    _budgetMs: number,
    lease?: Lease,
  ): Promise<StoreOpened> {
    const tokens = tags.map((tag) =>
      this.#renew(tag, this.#tokens.get(tag) ?? this.#tokensBeginWith + newToken()),
    );
    const hasLease = !lease || this.#take(name.keyText, lease);
    return Promise.resolve({ ...this.#stored(name.keyText), tokens, hasLease });
  }

  tokens(tags: readonly string[]): Promise<readonly (string | undefined)[]> {
    return Promise.resolve(tags.map((tag) => this.#tokens.get(tag)));
  }

  write(name: EntryName, entry: CacheEntry, usableUntilMs?: number, owner?: string): Promise<void> {
    if (owner !== undefined) this.#release(name, owner);
    // Whoever made it holds it there already, and knows more of it.
    if (this.#entries.holds(entry)) return Promise.resolve();
    const now = this.#clock.monotonicMs();
    const leftMs = usableUntilMs === undefined ? entry.ttlMs + entry.graceMs : usableUntilMs - now;
    if (this.#entries.hold(heldEntry(entry, leftMs, now, -1))) return Promise.resolve();
    return Promise.reject(new CacheError('CACHE_STORE_UNAVAILABLE', TOO_LARGE));
  }

  invalidate(hard: readonly string[], soft: readonly string[]): Promise<void> {
    for (const tag of hard) this.#tokens.delete(tag);
    for (const tag of soft) {
      const token = this.#tokens.get(tag);
      if (token !== undefined) this.#tokens.set(tag, softened(token));
    }
    return Promise.resolve();
  }

  renewLease(name: EntryName, lease: Lease): Promise<boolean> {
    return Promise.resolve(this.isLeasedTo(name, lease.owner) && this.#take(name.keyText, lease));
  }

  releaseLease(name: EntryName, owner: string): Promise<void> {
    this.#release(name, owner);
    return Promise.resolve();
  }

  size(): { entries: number; bytes: number } {
    return this.#entries.size();
  }

  #stored(keyText: string): Pick<StoreRead, 'stored' | 'isUnreadable'> {
    const held = this.#entries.find(keyText);
    const stored = held && { entry: held.entry, leftMs: held.usableUntilMs - this.#clock.monotonicMs() };
    return { stored, isUnreadable: false };
  }

  #take(keyText: string, { owner, ttlMs }: Lease): boolean {
    const now = this.#clock.monotonicMs();
    const present = this.#leases.get(keyText);
    if (present && present.owner !== owner && present.endsAtMs > now) return false;
    this.#leases.set(keyText, { owner, endsAtMs: now + ttlMs });
    return true;
  }

  #release(name: EntryName, owner: string): void {
    if (this.isLeasedTo(name, owner)) this.#leases.delete(name.keyText);
  }

  /** A token that falls out makes its entries misses, never stale. */
  #renew(tag: string, token: string): string {
    this.#tokens.set(tag, token);
    return token;
  }
}
