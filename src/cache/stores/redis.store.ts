import { BACKGROUND_BUDGET_MS } from '../engine/budget.js';
import { encodeEntry, type CacheEntry } from '../engine/cache-entry.js';
import { CacheError } from '../engine/cache-errors.js';
import {
  TOO_LARGE,
  type EntryName,
  type Lease,
  type Store,
  type StoreOpened,
  type StoreRead,
} from '../engine/store.js';
import { tokensByTag } from '../engine/tokens.js';
import type { Outbox } from '../outbox/outbox.js';
import type { EmitRedisEvent } from '../redis/redis-events.js';
import type { RedisSession } from '../redis/redis-session.js';
import type { ServerClock } from '../redis/server-clock.js';
import { withDeadline } from '../redis/deadline.js';
import type { Arrival, RedisServers } from '../redis/redis-servers.js';
import { deleteForeignTokens, openPart, readPart, storedIn, type PartRead } from './part-read.js';
import { isEverywhere, partsOf, type Part, type Question } from './question-parts.js';
import { RedisInvalidations } from './redis-invalidations.js';
import { RedisKeys } from './redis-keys.js';
import { releaseLease, renewLease } from './redis-leases.js';

/** Stands for the token of a tag that has one on every server: it is part of all others. */
const EVERYWHERE = 'everywhere';

/**
 * Entries, tokens and leases in Redis, shared by every process that uses it.
 *
 * A server that was restarted, restored or replaced may hold entries and tokens from before invalidations that it has
 * forgotten. So a token, as this store gives it, begins with the identity of the server it was read from: from one that
 * may have forgotten, every token is new. On a cluster each server has an epoch of its own, which stands in its tokens
 * too: a single one for all would take every server down with the one it is on.
 */
export class RedisStore implements Store {
  readonly kind = 'redis';
  readonly isShared = true;
  readonly #servers: RedisServers;
  readonly #keys: RedisKeys;
  readonly #invalidations: RedisInvalidations;

  /** @param outbox holds what other processes have not invalidated yet; relayed before a new connection is read from */
  constructor(servers: RedisServers, namespace: string, emit: EmitRedisEvent, outbox?: Outbox) {
    this.#servers = servers;
    this.#keys = new RedisKeys(namespace, servers.hashTags);
    this.#invalidations = new RedisInvalidations(servers, this.#keys, emit, outbox);
  }

  isAvailable(): boolean {
    return this.#servers.isReady && !this.#invalidations.owed.isEverything;
  }

  isWhole(): boolean {
    return this.#servers.isWhole && this.#invalidations.owed.isNone;
  }

  /** What is owed, too, is not to be had. */
  isAway(what: string | EntryName): boolean {
    if (!this.isAvailable()) return true;
    if (typeof what !== 'string') return this.#isKeyAway(this.#keys.entry(what));
    if (isEverywhere(this.#servers, what)) return false;
    const server = this.#servers.nameOf(this.#keys.token(what));
    const hasEpoch = !this.#servers.isCluster || this.#servers.hashTagOf(server) !== undefined;
    return this.#servers.isAway(server) || !hasEpoch || this.#owedTags([what]).size > 0;
  }

  read(name: EntryName, tags: readonly string[], budgetMs: number): Promise<StoreRead> {
    return this.#ask({ tags, name: this.#nameUnlessAway(name) }, budgetMs);
  }

  /** One that is owed is as good as gone, and keeps none of the others from being answered. */
  async tokens(tags: readonly string[], budgetMs: number): Promise<readonly (string | undefined)[]> {
    const owed = this.#owedTags(tags);
    const asked = owed.size === 0 ? tags : tags.filter((tag) => !owed.has(tag));
    const { tokens } = await this.#ask({ tags: asked }, budgetMs);
    if (owed.size === 0) return tokens;
    const found = tokensByTag(asked, tokens);
    return tags.map((tag) => found.get(tag));
  }

  async open(
    name: EntryName,
    tags: readonly string[],
    tokenTtlMs: number,
    budgetMs: number,
    lease?: Lease,
  ): Promise<StoreOpened> {
    const there = this.#nameUnlessAway(name);
    const leased = there && !this.#isKeyAway(this.#keys.lease(there)) ? lease : undefined;
    let isAwaited = true;
    const askPart = (part: Part, leftMs: number) =>
      this.#servers.write(part.server, leftMs, async (session) => {
        const read = await openPart(this.#servers, session, part, tokenTtlMs, lease);
        // Granted too late. Another connection may be faster than this one was: what it gives back is not there yet.
        if (!isAwaited && read.hasLease && lease && part.leaseKey)
          await releaseLease(session, part.leaseKey, lease.owner);
        if (read.tokens.includes(undefined)) await deleteForeignTokens(session, read);
        return read;
      });
    try {
      const opened = await this.#ask({ tags, name: there, lease: leased }, budgetMs, askPart);
      // Nobody else waits for it, or finds what it gives.
      return there === name && leased === lease ? opened : { ...opened, isPerProcess: true };
    } finally {
      isAwaited = false;
    }
  }

  partitionOf(tag: string): string {
    if (!this.#servers.isCluster || isEverywhere(this.#servers, tag)) return '';
    return this.#servers.nameOf(this.#keys.token(tag));
  }

  async write(name: EntryName, entry: CacheEntry, usableUntilMs?: number, owner?: string): Promise<void> {
    const bytes = encodeEntry(entry);
    if (!bytes) throw new CacheError('CACHE_STORE_UNAVAILABLE', TOO_LARGE);
    const key = this.#keys.entry(name);
    const livesMs = entry.ttlMs + entry.graceMs;
    const server = this.#servers.nameOf(key);
    const lease = owner === undefined ? undefined : { key: this.#keys.lease(name), owner };
    const isBeside = lease !== undefined && this.#servers.nameOf(lease.key) === server;
    await this.#servers.write(server, BACKGROUND_BUDGET_MS, (session) => {
      const { client, clock } = session;
      const leftMs = usableUntilMs === undefined ? livesMs : usableUntilMs - clock.monotonicMs();
      return Promise.all([
        client.set(key, bytes, { expiration: endOf(Math.max(1, Math.ceil(leftMs)), clock) }),
        // Behind it on the same connection: whoever is given the lease finds the entry.
        isBeside && releaseLease(session, lease.key, lease.owner),
      ]);
    });
    // If that fails it runs out by itself.
    if (lease && !isBeside) await this.releaseLease(name, lease.owner).catch(() => undefined);
  }

  invalidate(hard: readonly string[], soft: readonly string[], budgetMs: number): Promise<void> {
    return this.#invalidations.invalidate(hard, soft, budgetMs);
  }

  renewLease(name: EntryName, lease: Lease): Promise<boolean> {
    return this.#onLease(name, (session, key) => renewLease(session, key, lease));
  }

  async releaseLease(name: EntryName, owner: string): Promise<void> {
    await this.#onLease(name, (session, key) => releaseLease(session, key, owner));
  }

  size(): { entries: undefined; bytes: undefined } {
    return { entries: undefined, bytes: undefined };
  }

  /** Runs on every living connection before it is used (again). */
  beforeUse(session: RedisSession, server: string, arrival: Arrival): Promise<void> {
    return this.#invalidations.beforeUse(session, server, arrival);
  }

  /** Before the process ends: what it owes yet. Never rejects. */
  payOwed(budgetMs: number): Promise<void> {
    return this.#invalidations.payOwed(budgetMs);
  }

  /** Puts the question to all servers that it concerns at once, and their answers together. */
  async #ask(
    question: Question,
    budgetMs: number,
    askPart = (part: Part, leftMs: number): Promise<PartRead> =>
      this.#servers.read(part.server, leftMs, (session) => readPart(this.#servers, session, part)),
  ): Promise<StoreOpened> {
    const relayed = this.#invalidations.relayOutboxLate();
    const leftMs = relayed ? await budgetAfter(relayed, budgetMs) : budgetMs;
    const parts = partsOf(this.#servers, this.#keys, question);
    if (parts.some((part) => this.#invalidations.owed.isAny(part.tokenKeys))) {
      throw new CacheError('CACHE_STORE_UNAVAILABLE', 'owed');
    }
    const reads = await Promise.all(parts.map((part) => askPart(part, leftMs)));
    const tokens = new Map(
      reads.flatMap(({ part, tokens }) => part.tags.map((tag, index) => [tag, tokens[index]] as const)),
    );
    return {
      ...storedIn(reads.find(({ part }) => part.entryKey !== undefined)),
      tokens: question.tags.map((tag) => (isEverywhere(this.#servers, tag) ? EVERYWHERE : tokens.get(tag))),
      hasLease: reads.every(({ hasLease }) => hasLease),
    };
  }

  /** Where others can be asked, what cannot be had from its own server is as good as lost. */
  #nameUnlessAway(name: EntryName): EntryName | undefined {
    return this.isAvailable() && this.isAway(name) ? undefined : name;
  }

  #isKeyAway(key: string): boolean {
    return this.#servers.isAway(this.#servers.nameOf(key));
  }

  /** Of a server whose epoch is owed all. */
  #owedTags(tags: readonly string[]): ReadonlySet<string> {
    const { owed } = this.#invalidations;
    if (owed.isNone) return new Set();
    const parts = partsOf(this.#servers, this.#keys, { tags });
    const owedTags = parts.flatMap((part) => {
      const epochs = part.tokenKeys.length - part.tags.length;
      if (owed.isAny(part.tokenKeys.slice(0, epochs))) return part.tags;
      return part.tags.filter((_, index) => owed.isAny([part.tokenKeys[epochs + index] ?? '']));
    });
    return new Set(owedTags);
  }

  #onLease<T>(name: EntryName, command: (session: RedisSession, key: string) => Promise<T>): Promise<T> {
    const key = this.#keys.lease(name);
    return this.#servers.write(this.#servers.nameOf(key), BACKGROUND_BUDGET_MS, (session) =>
      command(session, key),
    );
  }
}

/** @returns what it leaves of the budget, ms; 1 at least */
async function budgetAfter(work: Promise<void>, budgetMs: number): Promise<number> {
  const sinceMs = performance.now();
  await withDeadline(budgetMs, work);
  return Math.max(1, budgetMs - (performance.now() - sinceMs));
}

/**
 * A point in time where the server's clock is known: a server that stands still may carry the command out late, and the
 * entry must not live any longer for that.
 */
function endOf(livesMs: number, { nowMs }: ServerClock) {
  return nowMs === undefined
    ? ({ type: 'PX', value: livesMs } as const)
    : ({ type: 'PXAT', value: nowMs + livesMs } as const);
}
