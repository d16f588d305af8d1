import type { CacheEntry } from '../engine/cache-entry.js';
import type { Clock } from '../engine/clock.js';
import type { L1Entries } from '../engine/l1-entries.js';
import { putNewest } from '../engine/put-newest.js';
import type { EntryName, Lease, Store, StoreOpened, StoreRead } from '../engine/store.js';
import { byHardness, takenAway } from '../engine/tags.js';
import { MemoryStore } from './memory.store.js';
import { BELIEVED_MS, OutboxFollower, type FollowedOutbox } from './outbox-follower.js';

const MAX_SEEN = 20_000;
/** What tokens begin with that no other process knows. */
const OWN = 'own/';

/** A token, and when it was last asked for. */
interface Seen {
  /** `undefined`: it was taken away then. */
  readonly token: string | undefined;
  atMs: number;
}

/**
 * A shared store, and while that is away what this process holds: the outbox, which is in the database, tells of what all
 * processes invalidate meanwhile. It is asked before every answer, so that none is older than what was acknowledged
 * before it was asked for. What is held under tokens that the store named within the last 25 s stays good; all else
 * each process makes for itself.
 *
 * Sound because a row is committed with the data, before anybody is told so, and is told of for 60 s after the store has
 * confirmed what it is about: docs/adr/0035.
 */
export class FollowingStore implements Store {
  readonly isShared = true;
  readonly #shared: Store;
  readonly #own: MemoryStore;
  readonly #follower: OutboxFollower;
  readonly #clock: Clock;
  readonly #seen = new Map<string, Seen>();
  /** Whether what the shared store has named lately has not been taken over since it was last there. */
  #isNewlyAway = true;

  constructor(shared: Store, outbox: FollowedOutbox, clock: Clock, entries: L1Entries) {
    this.#shared = shared;
    this.#clock = clock;
    this.#own = new MemoryStore(clock, entries, OWN);
    this.#follower = new OutboxFollower(outbox, clock, (invalidated, anewAtMs) => {
      this.#hear(invalidated, anewAtMs);
    });
  }

  get kind(): Store['kind'] {
    return this.#shared.kind;
  }

  isAvailable(): boolean {
    return this.#shared.isAvailable() || this.#follower.isUsable;
  }

  /** Whether this process goes by the outbox now. */
  get isFollowing(): boolean {
    return this.isForOne() && this.#follower.isUsable;
  }

  isForOne(): boolean {
    return !this.#shared.isAvailable();
  }

  partitionOf(tag: string): string {
    return this.#shared.isAvailable() ? this.#shared.partitionOf(tag) : '';
  }

  read(name: EntryName, tags: readonly string[], budgetMs: number): Promise<StoreRead> {
    return this.#ask(
      async () => {
        const atMs = this.#clock.monotonicMs();
        const read = await this.#shared.read(name, tags, budgetMs);
        this.#see(tags, read.tokens, atMs);
        return read;
      },
      () => this.#own.read(name, tags),
    );
  }

  /** Whom it fails for its lease is not answered otherwise: it may have been granted all the same. */
  async open(
    name: EntryName,
    tags: readonly string[],
    tokenTtlMs: number,
    budgetMs: number,
    lease?: Lease,
  ): Promise<StoreOpened> {
    if (this.#isThere()) {
      const atMs = this.#clock.monotonicMs();
      const opened = await this.#shared.open(name, tags, tokenTtlMs, budgetMs, lease);
      this.#see(tags, opened.tokens, atMs);
      return opened;
    }
    await this.#catchUp();
    return { ...(await this.#own.open(name, tags, tokenTtlMs, budgetMs, lease)), isForOne: true };
  }

  tokens(tags: readonly string[], budgetMs: number): Promise<readonly (string | undefined)[]> {
    return this.#ask(
      async () => {
        const atMs = this.#clock.monotonicMs();
        const tokens = await this.#shared.tokens(tags, budgetMs);
        this.#see(tags, tokens, atMs);
        return tokens;
      },
      () => this.#own.tokens(tags),
    );
  }

  async write(name: EntryName, entry: CacheEntry, usableUntilMs?: number): Promise<void> {
    // It would only take the place of what is good for others.
    const isOwn = entry.tokens.some((token) => token.startsWith(OWN));
    const store = isOwn || !this.#shared.isAvailable() ? this.#own : this.#shared;
    await store.write(name, entry, usableUntilMs);
  }

  async invalidate(hard: readonly string[], soft: readonly string[], budgetMs: number): Promise<void> {
    this.#unsee([...hard, ...soft]);
    await this.#own.invalidate(hard, soft);
    await this.#shared.invalidate(hard, soft, budgetMs);
  }

  renewLease(name: EntryName, lease: Lease): Promise<boolean> {
    return this.#leasing(name, lease.owner).renewLease(name, lease);
  }

  releaseLease(name: EntryName, owner: string): Promise<void> {
    return this.#leasing(name, owner).releaseLease(name, owner);
  }

  size(): ReturnType<Store['size']> {
    return this.#shared.size();
  }

  #leasing(name: EntryName, owner: string): Store {
    return this.#own.isLeasedTo(name, owner) ? this.#own : this.#shared;
  }

  /** Whom the shared store failed as it went away is answered all the same. */
  async #ask<Answer>(askShared: () => Promise<Answer>, askOwn: () => Promise<Answer>): Promise<Answer> {
    if (this.#isThere()) {
      try {
        return await askShared();
      } catch (error) {
        if (this.#isThere()) throw error;
      }
    }
    await this.#catchUp();
    return askOwn();
  }

  /** Whether the shared store is asked. */
  #isThere(): boolean {
    const isThere = this.#shared.isAvailable();
    if (isThere) this.#isNewlyAway = true;
    return isThere;
  }

  #catchUp(): Promise<void> {
    const isAnew = this.#isNewlyAway;
    this.#isNewlyAway = false;
    return this.#follower.catchUp(isAnew);
  }

  /** @param atMs  when the outbox was asked for all that it tells of */
  #takeOver(atMs: number): void {
    const lately = [...this.#seen].filter(([, seen]) => seen.atMs > atMs - BELIEVED_MS);
    this.#own.adopt(
      new Map(lately.flatMap(([tag, { token }]) => (token === undefined ? [] : [[tag, token]]))),
    );
  }

  /** @param atMs  when they were asked for: an answer to an earlier question may come later */
  #see(tags: readonly string[], tokens: StoreRead['tokens'], atMs: number): void {
    for (const [index, tag] of tags.entries()) {
      const token = tokens[index];
      if (token === undefined) continue;
      const known = this.#seen.get(tag);
      if (known && (known.atMs > atMs || (known.token === undefined && known.atMs === atMs))) continue;
      if (known?.token === token) known.atMs = atMs;
      else putNewest(this.#seen, tag, { token, atMs }, MAX_SEEN);
    }
  }

  /** An answer to an earlier question may come yet. */
  #unsee(tags: readonly string[]): void {
    const atMs = this.#clock.monotonicMs();
    for (const tag of tags) putNewest(this.#seen, tag, { token: undefined, atMs }, MAX_SEEN);
  }

  /** @param anewAtMs  when the outbox was asked, where it was asked for all that it tells of */
  #hear(invalidated: readonly string[] | undefined, anewAtMs: number | undefined): void {
    if (anewAtMs !== undefined) this.#takeOver(anewAtMs);
    if (!invalidated) {
      this.#own.forget();
      return;
    }
    const { hard, soft } = byHardness(invalidated);
    void this.#own.invalidate(takenAway(hard, soft), soft);
  }
}
