import type { CacheEntry } from '../engine/cache-entry.js';
import type { Clock } from '../engine/clock.js';
import type { L1Entries } from '../engine/l1-entries.js';
import {
  isAway,
  NOTHING_STORED,
  type EntryName,
  type Lease,
  type Store,
  type StoreOpened,
  type StoreRead,
} from '../engine/store.js';
import { byHardness, EPOCH, isWitness, takenAway } from '../engine/tags.js';
import { tokensByTag } from '../engine/tokens.js';
import { MemoryStore } from './memory.store.js';
import { BELIEVED_MS, OutboxFollower, type FollowedOutbox } from './outbox-follower.js';
import { SeenTokens } from './seen-tokens.js';

/** What tokens begin with that no other process knows. */
const OWN = 'own/';

/** Who is asked about what. */
interface Division {
  readonly tags: readonly string[];
  /** Of them those that the shared store answers for, and those that this process does. The rest has no token. */
  readonly shared: readonly string[];
  readonly own: readonly string[];
  /** Who is asked for what is kept under a name. */
  readonly name: 'shared' | 'own' | undefined;
}

/** How each of the two is asked about tags; about what lies under the name they know. */
interface Ways<Read extends StoreRead> {
  readonly shared: (tags: readonly string[]) => Promise<Read>;
  readonly own: (tags: readonly string[]) => Promise<Read>;
}

/**
 * A shared store, and for what is away of it what this process holds: the outbox, which is in the database, tells of what all
 * processes invalidate meanwhile. It is asked before every such answer, so that none is older than what was acknowledged
 * before it was asked for. What is held under tokens that the store named within the last 25 s stays good; all else
 * each process makes for itself.
 *
 * Sound because a row is committed with the data, before anybody is told so, and is told of for a while after the store has
 * confirmed what it is about; and each tag for itself, whoever answers for the others: docs/adr/0035.
 */
export class FollowingStore implements Store {
  readonly isShared = true;
  readonly #shared: Store;
  readonly #own: MemoryStore;
  readonly #follower: OutboxFollower;
  readonly #clock: Clock;
  readonly #seen = new SeenTokens();
  /** Those that this process has answered for since the shared store last did. */
  readonly #ownWitnesses = new Set<string>();

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

  /** Whether this process goes by the outbox now, if only for a part of what is shared. */
  get isFollowing(): boolean {
    return !this.#isWhole && this.#follower.isUsable;
  }

  isPerProcess(): boolean {
    return !this.#shared.isAvailable();
  }

  partitionOf(tag: string): string {
    return !this.#isWhole && this.#isAway(tag) ? OWN : this.#shared.partitionOf(tag);
  }

  read(name: EntryName, tags: readonly string[], budgetMs: number): Promise<StoreRead> {
    return this.#ask(tags, name, {
      shared: (some) => this.#shared.read(name, some, budgetMs),
      own: (some) => this.#own.read(name, some),
    });
  }

  /** Whom it fails for its lease is not answered otherwise: it may have been granted all the same. */
  async open(
    name: EntryName,
    tags: readonly string[],
    tokenTtlMs: number,
    budgetMs: number,
    lease?: Lease,
  ): Promise<StoreOpened> {
    const division = this.#divide(tags, name);
    // Also where nobody answers for a witness: what a run names then is not kept.
    const isOwn = division.shared.length < tags.length || division.name === 'own';
    const opened = await this.#together<StoreOpened>(division, {
      // Others must not wait for what they may have no use for.
      shared: (some) => this.#shared.open(name, some, tokenTtlMs, budgetMs, isOwn ? undefined : lease),
      own: (some) => this.#own.open(name, some, tokenTtlMs, budgetMs, lease),
    });
    return isOwn ? { ...opened, isPerProcess: true } : opened;
  }

  async tokens(tags: readonly string[], budgetMs: number): Promise<readonly (string | undefined)[]> {
    const { tokens } = await this.#ask(tags, undefined, {
      shared: async (some) => ({ ...NOTHING_STORED, tokens: await this.#shared.tokens(some, budgetMs) }),
      own: async (some) => ({ ...NOTHING_STORED, tokens: await this.#own.tokens(some) }),
    });
    return tokens;
  }

  async write(name: EntryName, entry: CacheEntry, usableUntilMs?: number, owner?: string): Promise<void> {
    const leasing = owner === undefined ? undefined : this.#leasing(name, owner);
    // It would only take the place of what is good for others.
    const isOwn = entry.tokens.some((token) => token.startsWith(OWN));
    const store = isOwn || this.#isAway(name) ? this.#own : this.#shared;
    await store.write(name, entry, usableUntilMs, leasing === store ? owner : undefined);
    // Where that went away since it was granted, it runs out by itself.
    if (leasing !== store && owner !== undefined)
      await leasing?.releaseLease(name, owner).catch(() => undefined);
  }

  async invalidate(hard: readonly string[], soft: readonly string[], budgetMs: number): Promise<void> {
    this.#takeAway(hard, soft);
    this.#seen.strike([...hard, ...soft], this.#clock.monotonicMs());
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

  get #isWhole(): boolean {
    return this.#shared.isWhole?.() ?? this.#shared.isAvailable();
  }

  #isAway(what: string | EntryName): boolean {
    return isAway(this.#shared, what);
  }

  /**
   * Witnesses tell of tags only where one moves them with those, or before: where some are away they have no token beside
   * such, and what depends on them is not kept.
   */
  #divide(tags: readonly string[], name?: EntryName): Division {
    if (this.#isWhole) return { tags, shared: tags, own: [], name: name && 'shared' };
    if (!this.#shared.isAvailable()) return { tags, shared: [], own: tags, name: name && 'own' };
    const away = new Set(tags.filter((tag) => this.#isAway(tag)));
    return {
      tags,
      shared: tags.filter((tag) => !away.has(tag) && !(away.size > 0 && isWitness(tag))),
      own: tags.filter((tag) => away.has(tag) && !isWitness(tag)),
      name: name && (this.#isAway(name) ? 'own' : 'shared'),
    };
  }

  /** Whom the shared store failed as something of it went away is answered all the same. */
  async #ask(
    tags: readonly string[],
    name: EntryName | undefined,
    ways: Ways<StoreRead>,
  ): Promise<StoreRead> {
    const division = this.#divide(tags, name);
    try {
      return await this.#together(division, ways);
    } catch (error) {
      const now = this.#divide(tags, name);
      if (now.shared.join() === division.shared.join() && now.name === division.name) throw error;
      return this.#together(now, ways);
    }
  }

  async #together<Read extends StoreRead>(
    { tags, shared, own, name }: Division,
    ways: Ways<Read>,
  ): Promise<Read> {
    if (shared.length === tags.length && name !== 'own') return this.#askShared(shared, ways.shared);
    if (own.length === tags.length && name !== 'shared') return this.#askOwn(own, ways.own);
    const [theirs, ours] = await Promise.all([
      this.#askShared(shared, ways.shared),
      this.#askOwn(own, ways.own),
    ]);
    const tokens = new Map([...tokensByTag(shared, theirs.tokens), ...tokensByTag(own, ours.tokens)]);
    return {
      ...ours,
      stored: theirs.stored ?? ours.stored,
      isUnreadable: theirs.isUnreadable,
      tokens: tags.map((tag) => tokens.get(tag)),
    };
  }

  async #askShared<Read extends StoreRead>(
    tags: readonly string[],
    ask: Ways<Read>['shared'],
  ): Promise<Read> {
    const atMs = this.#clock.monotonicMs();
    const read = await ask(tags);
    this.#cede(tags, read.tokens);
    this.#seen.note(tags, read.tokens, atMs);
    return read;
  }

  async #askOwn<Read extends StoreRead>(tags: readonly string[], ask: Ways<Read>['own']): Promise<Read> {
    const sinceMs = this.#clock.monotonicMs() - BELIEVED_MS;
    if (tags.length > 0) await this.#follower.catchUp(this.#seen.hasUnvouched(tags, sinceMs));
    this.#takeOver(tags);
    for (const tag of tags) if (isWitness(tag)) this.#ownWitnesses.add(tag);
    return ask(tags);
  }

  /** Goes on with what the outbox vouches for. */
  #takeOver(tags: readonly string[]): void {
    for (const tag of tags) {
      const token = this.#seen.take(tag);
      if (token !== undefined) this.#own.adopt(tag, token);
    }
  }

  /**
   * Once the shared store names a tag, another token that this process has made for it is good no more: the outbox tells of an
   * invalidation before the shared store does, so a run under that token may have used what was still kept there. What a run
   * notes to have used does not tell: a loader that works for several may have handed it that.
   */
  #cede(tags: readonly string[], tokens: StoreRead['tokens']): void {
    for (const [index, tag] of tags.entries()) {
      const token = tokens[index];
      if (token !== undefined) this.#own.cede(tag, token);
    }
    if (this.#ownWitnesses.size === 0) return;
    void this.#own.invalidate([...this.#ownWitnesses], []);
    this.#ownWitnesses.clear();
  }

  /** @param anewAtMs  when the outbox answered, where it was asked for all that it tells of */
  #hear(invalidated: readonly string[] | undefined, anewAtMs: number | undefined): void {
    if (anewAtMs !== undefined) this.#seen.vouchFor(anewAtMs - BELIEVED_MS);
    if (!invalidated) {
      this.#forget();
      return;
    }
    const { hard, soft } = byHardness(invalidated);
    this.#takeAway(takenAway(hard, soft), soft);
  }

  #takeAway(hard: readonly string[], soft: readonly string[]): void {
    // A cluster has no token for it: it is part of all others.
    if (hard.includes(EPOCH) || soft.includes(EPOCH)) {
      this.#forget();
      return;
    }
    this.#takeOver([...hard, ...soft]);
    void this.#own.invalidate(hard, soft);
  }

  #forget(): void {
    this.#own.forget();
    this.#seen.forget();
  }
}
