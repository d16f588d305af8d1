import { createClient } from 'redis';
import { CacheError } from '../engine/cache-errors.js';
import { failureReason, within } from './deadline.js';
import type { RedisAddress } from './redis-address.js';

export interface RedisTimings {
  /** TCP, TLS and handshake together, ms. */
  readonly connectTimeoutMs: number;
  /** A connection that has not answered a heartbeat for so long is destroyed, ms. */
  readonly silenceLimitMs: number;
  /** After a timeout a connection is asked again once a heartbeat is answered within this, ms. */
  readonly trustedReplyMs: number;
  /** Upper bound of the pause between two attempts to connect, ms. */
  readonly maxBackoffMs: number;
}

export interface ConnectionHooks {
  /** Runs on every living connection before it is used (again): what must be true before an answer is trusted. */
  readonly beforeUse: (client: RedisClient, isNew: boolean) => Promise<void>;
  readonly onReady: () => void;
  /** @param delayMs until the next attempt */
  readonly onLost: (reason: string, attempt: number, delayMs: number) => void;
}

export type RedisClient = ReturnType<typeof newClient>;

const HEARTBEAT_MS = 500;
/** Replies that say another server should be asked: this one is a replica, still loading, or cut off. */
const WRONG_SERVER = /^(READONLY|LOADING|MASTERDOWN)$/;

/**
 * One connection and its whole life: open, check, serve, watch, lose, pause, again, until closed. It never gives up.
 *
 * The client's own reconnection is off: it does not notice a server that stopped answering, and its queue would carry
 * old writes over the gap.
 */
export class RedisConnection {
  readonly #address: RedisAddress;
  readonly #timings: RedisTimings;
  readonly #hooks: ConnectionHooks;
  readonly #life: Promise<void>;
  #client: RedisClient | undefined;
  #newest: RedisClient | undefined;
  #isSuspect = false;
  #isClosed = false;
  #wake: () => void = () => undefined;

  constructor(address: RedisAddress, timings: RedisTimings, hooks: ConnectionHooks) {
    this.#address = address;
    this.#timings = timings;
    this.#hooks = hooks;
    this.#life = this.#live();
  }

  get isReady(): boolean {
    return this.#client?.isReady === true && !this.#isSuspect;
  }

  /**
   * @throws {CacheError} `CACHE_STORE_UNAVAILABLE`: no connection, no answer within `budgetMs`, or an error reply
   */
  async run<T>(budgetMs: number, command: (client: RedisClient) => Promise<T>): Promise<T> {
    const client = this.#client;
    if (!client || !this.isReady) throw new CacheError('CACHE_STORE_UNAVAILABLE', 'disconnected');
    try {
      return await within(budgetMs, command(client));
    } catch (error) {
      const reason = failureReason(error);
      if (reason === 'timeout') this.#suspect();
      if (WRONG_SERVER.test(reason)) client.destroy();
      throw new CacheError('CACHE_STORE_UNAVAILABLE', reason, { cause: error });
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wake();
    // Whatever it waits for, a greeting or a heartbeat, fails at once.
    if (this.#newest) destroy(this.#newest);
    await this.#life;
  }

  async #live(): Promise<void> {
    for (let attempt = 1; !this.#isClosed; attempt++) {
      let reason = 'disconnected';
      try {
        const client = await this.#open();
        attempt = 0;
        this.#isSuspect = false;
        this.#client = client;
        this.#hooks.onReady();
        await this.#watch(client);
      } catch (error) {
        reason = failureReason(error);
      }
      this.#retire();
      if (this.#isOver()) return;
      const delayMs = Math.random() * Math.min(this.#timings.maxBackoffMs, 100 * 2 ** Math.min(attempt, 10));
      this.#hooks.onLost(reason, attempt + 1, Math.round(delayMs));
      await this.#pause(delayMs);
    }
  }

  async #open(): Promise<RedisClient> {
    const client = newClient(this.#address, this.#timings.connectTimeoutMs);
    this.#newest = client;
    client.on('error', () => {
      this.#wake();
    });
    client.on('end', () => {
      this.#wake();
    });
    try {
      await within(this.#timings.connectTimeoutMs, client.connect());
      await within(this.#timings.connectTimeoutMs, this.#hooks.beforeUse(client, true));
      return client;
    } catch (error) {
      destroy(client);
      throw error;
    }
  }

  /** Returns when the connection is lost or is to be closed. */
  async #watch(client: RedisClient): Promise<void> {
    while (!this.#isClosed && client.isReady) {
      const since = performance.now();
      await within(this.#timings.silenceLimitMs, client.ping());
      const replyMs = performance.now() - since;
      await within(this.#timings.silenceLimitMs, this.#hooks.beforeUse(client, false));
      // Alive is not enough: a server that takes longer than any request may wait is as good as away.
      if (replyMs <= this.#timings.trustedReplyMs) this.#isSuspect = false;
      await this.#pause(Math.min(HEARTBEAT_MS, this.#timings.silenceLimitMs / 2));
    }
  }

  /** Nobody asks this connection before its next heartbeat is answered, and that one goes out now. */
  #suspect(): void {
    this.#isSuspect = true;
    this.#wake();
  }

  #retire(): void {
    if (this.#client) destroy(this.#client);
    this.#client = undefined;
  }

  // A getter, for the compiler believes that a field cannot change during an await.
  #isOver(): boolean {
    return this.#isClosed;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      timer.unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#isClosed) this.#wake();
    });
  }
}

function newClient(address: RedisAddress, connectTimeoutMs: number) {
  const { host, port, tls, username, password, database } = address;
  return createClient({
    socket: {
      host,
      port,
      ...(tls ? { tls } : {}),
      connectTimeout: connectTimeoutMs,
      reconnectStrategy: false,
    },
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    database,
    name: 'ai-native-cache',
    // A command kept for later would be a stale write later.
    disableOfflineQueue: true,
    commandsQueueMaxLength: 10_000,
    maintNotifications: 'disabled',
    ...withoutClientTimeout,
  });
}

// The client's own timeout covers only commands not yet written and costs a timer each; ours covers all. Its types
// do not know that `undefined` switches it off.
const withoutClientTimeout: object = { commandOptions: { timeout: undefined } };

function destroy(client: RedisClient): void {
  if (client.isOpen) client.destroy();
}
