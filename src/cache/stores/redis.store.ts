import { randomBytes } from 'node:crypto';
import { RESP_TYPES } from 'redis';
import type { Store, StoreRead } from '../engine/store.js';
import { EPOCH, withFamilies } from '../engine/tags.js';
import type { Outbox } from '../outbox/outbox.js';
import { ABANDONED_AFTER_MS } from '../outbox/outbox-relay.js';
import { within } from '../redis/deadline.js';
import type { RedisClient } from '../redis/redis-connection.js';
import type { RedisConnections } from '../redis/redis-connections.js';

const WRITE_BUDGET_MS = 1000;
const MAX_OWED = 10_000;
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

  read(key: string, tags: readonly string[], budgetMs: number): Promise<StoreRead> {
    return this.#connections.read(budgetMs, (client) => this.#get(client, key, tags));
  }

  open(key: string, tags: readonly string[], tokenTtlMs: number, budgetMs: number): Promise<StoreRead> {
    return this.#connections.write(budgetMs, async (client) => {
      // One round trip: the client sends what is asked for in one tick together, and Redis keeps the order.
      const made = tags.flatMap((tag) => {
        const name = this.#tokenName(tag);
        const fresh = randomBytes(12).toString('base64url');
        return [
          client.set(name, fresh, { condition: 'NX', expiration: { type: 'PX', value: tokenTtlMs } }),
          client.pExpire(name, tokenTtlMs),
        ];
      });
      const [read] = await Promise.all([this.#get(client, key, tags), ...made]);
      return read;
    });
  }

  async write(key: string, entry: Buffer, ttlMs: number): Promise<void> {
    const expiration = { type: 'PX', value: Math.ceil(ttlMs) } as const;
    await this.#connections.write(WRITE_BUDGET_MS, (client) =>
      client.set(this.#namespace + key, entry, { expiration }),
    );
  }

  async drop(tags: readonly string[], budgetMs: number): Promise<void> {
    try {
      await this.#connections.write(budgetMs, (client) => this.#drop(client, tags));
    } catch (error) {
      this.#owe(tags);
      throw error;
    }
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
    const pay = (tags: readonly string[]) => this.#drop(client, withFamilies(tags)).then(() => true);
    const payAll = async () => {
      while ((await outbox.relay(ABANDONED_AFTER_MS, pay)) > 0);
    };
    try {
      await within(OUTBOX_BUDGET_MS, payAll());
    } catch {
      await this.#drop(client, [EPOCH]);
    }
  }

  async #get(client: RedisClient, key: string, tags: readonly string[]): Promise<StoreRead> {
    const names = [this.#namespace + key, ...tags.map((tag) => this.#tokenName(tag))];
    const [entry, ...tokens] = await client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).mGet(names);
    return { entry: entry ?? undefined, tokens: tokens.map((token) => token?.toString('latin1')) };
  }

  // Taking a token away is as good as replacing it, for a missing token is a miss; and a full server still does it.
  async #drop(client: RedisClient, tags: readonly string[]): Promise<void> {
    if (tags.length > 0) await client.del(tags.map((tag) => this.#tokenName(tag)));
  }

  #owe(tags: readonly string[]): void {
    for (const tag of tags) this.#owed.add(tag);
    if (this.#owed.size > MAX_OWED) this.#owed = new Set([EPOCH]);
  }

  #tokenName(tag: string): string {
    return `${this.#namespace}token:${tag}`;
  }
}
