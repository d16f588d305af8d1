import { randomBytes } from 'node:crypto';
import { RESP_TYPES } from 'redis';
import { decodeEntry, encodeEntry, type CacheEntry } from '../engine/cache-entry.js';
import type { EntryName, Lease, Store, StoreOpened, StoreRead } from '../engine/store.js';
import { byHardness, EPOCH, familiesOf } from '../engine/tags.js';
import type { Outbox } from '../outbox/outbox.js';
import { ABANDONED_AFTER_MS } from '../outbox/outbox-relay.js';
import { within } from '../redis/deadline.js';
import type { RedisClient } from '../redis/redis-connection.js';
import type { RedisConnections } from '../redis/redis-connections.js';

const WRITE_BUDGET_MS = 1000;
const MAX_OWED = 10_000;
/** Replies of PTTL. */
const [WITHOUT_END, ABSENT] = [-1, -2];
/** What the outbox may take before a new connection is used; after it the epoch goes. */
const OUTBOX_BUDGET_MS = 1000;

/**
 * Entries and tokens in one Redis, shared by every process that uses it.
 *
 * An invalidation that Redis did not confirm is owed: this process does not read from Redis again before it is paid.
 */
export class RedisStore implements Store {
  readonly kind = 'redis';
  readonly #connections: RedisConnections;
  readonly #namespace: string;
  readonly #outbox: Outbox | undefined;
  #owed = new Set<string>();
  #payments = 0;

  /** @param outbox holds what other processes owe; it is paid before a new connection is read from */
  constructor(connections: RedisConnections, namespace: string, outbox?: Outbox) {
    this.#connections = connections;
    this.#namespace = namespace;
    this.#outbox = outbox;
  }

  isAvailable(): boolean {
    return this.#connections.isReady && this.#owed.size === 0 && this.#payments === 0;
  }

  partitionOf(): string {
    return '';
  }

  read(name: EntryName, tags: readonly string[], budgetMs: number): Promise<StoreRead> {
    return this.#connections.read(budgetMs, (client) => this.#get(client, name, tags));
  }

  open(
    name: EntryName,
    tags: readonly string[],
    tokenTtlMs: number,
    budgetMs: number,
    lease?: Lease,
  ): Promise<StoreOpened> {
    return this.#connections.write(budgetMs, async (client) => {
      // One round trip: the client sends what is asked for in one tick together, and Redis keeps the order.
      const made = tags.flatMap((tag) => {
        const token = this.#tokenName(tag);
        const expiration = { type: 'PX', value: tokenTtlMs } as const;
        const fresh = `${randomHalf()}.${randomHalf()}`;
        return [client.set(token, fresh, { condition: 'NX', expiration }), client.pExpire(token, tokenTtlMs)];
      });
      const taken = lease
        ? client.set(this.#leaseName(name), lease.owner, {
            condition: 'NX',
            expiration: { type: 'PX', value: lease.ttlMs },
          })
        : Promise.resolve('OK');
      const [read, answer] = await Promise.all([this.#get(client, name, tags), taken, ...made]);
      return { ...read, hasLease: answer === 'OK' };
    });
  }

  tokens(tags: readonly string[], budgetMs: number): Promise<readonly (string | undefined)[]> {
    return this.#connections.read(budgetMs, async (client) => {
      const tokens = await client.mGet(tags.map((tag) => this.#tokenName(tag)));
      return tokens.map((token) => token ?? undefined);
    });
  }

  async write(name: EntryName, entry: CacheEntry): Promise<void> {
    const expiration = { type: 'PX', value: Math.ceil(entry.ttlMs + entry.graceMs) } as const;
    await this.#connections.write(WRITE_BUDGET_MS, (client) =>
      client.set(this.#namespace + name.key, encodeEntry(entry), { expiration }),
    );
  }

  async invalidate(hard: readonly string[], soft: readonly string[], budgetMs: number): Promise<void> {
    try {
      await this.#connections.write(budgetMs, (client) => this.#drop(client, [...hard, ...soft]));
    } catch (error) {
      this.#owe([...hard, ...soft]);
      throw error;
    }
  }

  renewLease(name: EntryName, { owner, ttlMs }: Lease): Promise<boolean> {
    return this.#connections.write(WRITE_BUDGET_MS, async (client) => {
      const script =
        'return redis.call("GET",KEYS[1])==ARGV[1] and redis.call("PEXPIRE",KEYS[1],ARGV[2]) or 0';
      return (
        (await client.eval(script, { keys: [this.#leaseName(name)], arguments: [owner, String(ttlMs)] })) ===
        1
      );
    });
  }

  async releaseLease(name: EntryName, owner: string): Promise<void> {
    await this.#connections.write(WRITE_BUDGET_MS, (client) => {
      const script = 'return redis.call("GET",KEYS[1])==ARGV[1] and redis.call("DEL",KEYS[1]) or 0';
      return client.eval(script, { keys: [this.#leaseName(name)], arguments: [owner] });
    });
  }

  size(): { entries: undefined; bytes: undefined } {
    return { entries: undefined, bytes: undefined };
  }

  /** Pays what is owed, and on a new connection makes sure that the server still holds what it held. */
  async beforeUse(client: RedisClient, isNew: boolean): Promise<void> {
    if (isNew) {
      await this.#meet(client);
      await this.#payForOthers(client);
    }
    if (this.#owed.size === 0) return;
    const paying = [...this.#owed];
    this.#owed = new Set();
    this.#payments++;
    try {
      await this.#drop(client, paying);
    } catch (error) {
      this.#owe(paying);
      throw error;
    } finally {
      this.#payments--;
    }
  }

  /**
   * A server that was restarted, restored or replaced may hold entries and tokens from before invalidations it has
   * forgotten. Each server run has its own id; the last one seen is kept beside the entries. If it differs, the epoch
   * goes first and the id is written after, so that two processes arriving together cannot trust each other's half.
   */
  async #meet(client: RedisClient): Promise<void> {
    const name = `${this.#namespace}cache:server`;
    const runId = /^run_id:(\w+)/m.exec(await client.info('server'))?.[1] ?? 'unknown';
    if (runId !== 'unknown' && (await client.get(name)) === runId) return;
    await this.#drop(client, [EPOCH]);
    // A full server refuses this; then the next connection drops the epoch again.
    await client.set(name, runId).catch(() => undefined);
  }

  async #payForOthers(client: RedisClient): Promise<void> {
    // Before the database is there, nothing that depends on it is answered either.
    if (!this.#outbox?.isReady) return;
    const outbox = this.#outbox;
    const pay = async (intent: readonly string[]) => {
      const { hard, soft } = byHardness(intent);
      const tags = [...hard, ...soft];
      await this.#drop(client, [...familiesOf(tags), ...tags]);
      return true;
    };
    const payAll = async () => {
      while ((await outbox.relay(ABANDONED_AFTER_MS, pay)) > 0);
    };
    try {
      await within(OUTBOX_BUDGET_MS, payAll());
    } catch {
      await this.#drop(client, [EPOCH]);
    }
  }

  async #get(client: RedisClient, { key }: EntryName, tags: readonly string[]): Promise<StoreRead> {
    const name = this.#namespace + key;
    // The time left is asked for first: of an entry that is replaced in between it tells less than it has, never more.
    const [leftMs, [bytes, ...tokens]] = await Promise.all([
      client.pTTL(name),
      client
        .withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
        .mGet([name, ...tags.map((tag) => this.#tokenName(tag))]),
    ]);
    const entry = bytes && leftMs !== WITHOUT_END ? decodeEntry(bytes) : undefined;
    return {
      stored: entry && { entry, leftMs: leftMs === ABSENT ? entry.ttlMs + entry.graceMs : leftMs },
      isUnreadable: Boolean(bytes) && !entry,
      tokens: tokens.map((token) => token?.toString('latin1')),
    };
  }

  // Taking a token away is as good as replacing it, for a missing token is a miss; and a full server still does it.
  async #drop(client: RedisClient, tags: readonly string[]): Promise<void> {
    if (tags.length > 0) await client.del(tags.map((tag) => this.#tokenName(tag)));
  }

  #owe(tags: readonly string[]): void {
    for (const tag of tags) this.#owed.add(tag);
    if (this.#owed.size > MAX_OWED) this.#owed = new Set([EPOCH]);
  }

  #leaseName({ key }: EntryName): string {
    return `${this.#namespace}lease:${key}`;
  }

  #tokenName(tag: string): string {
    return `${this.#namespace}token:${tag}`;
  }
}

function randomHalf(): string {
  return randomBytes(12).toString('base64url');
}
