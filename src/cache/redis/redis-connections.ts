import { CacheError } from '../engine/cache-errors.js';
import type { RedisAddress } from './redis-address.js';
import {
  RedisConnection,
  type ConnectionHooks,
  type RedisClient,
  type RedisTimings,
} from './redis-connection.js';
import type { EmitRedisEvent } from './redis-events.js';

export interface RedisConnectionsOptions {
  readonly address: RedisAddress;
  readonly timings: RedisTimings;
  /** How many connections are held. */
  readonly connections: number;
  /** Whether commands are spread over all of them; else one serves and the others stand by. */
  readonly spread: boolean;
  /** Whether a read that got no answer within half its budget is asked again on another connection. */
  readonly retryOnTimeout: boolean;
  readonly beforeUse: ConnectionHooks['beforeUse'];
  readonly emit: EmitRedisEvent;
}

/** The connections to one Redis, seen as one: up while any of them is. Tells each change of that once. */
export class RedisConnections {
  readonly #options: RedisConnectionsOptions;
  readonly #connections: RedisConnection[];
  #turn = 0;
  #isUp: boolean | undefined;

  constructor(options: RedisConnectionsOptions) {
    this.#options = options;
    const { address, timings, beforeUse, emit } = options;
    emit({ event: 'cache.init', url: address.masked });
    emit({ event: 'cache.connecting' });
    const hooks: ConnectionHooks = {
      beforeUse,
      onReady: () => {
        if (this.#isUp === true) return;
        this.#isUp = true;
        emit({ event: 'cache.connected' });
        emit({ event: 'cache.ready' });
      },
      onLost: (reason, attempt, delayMs) => {
        if (this.#isUp === false || this.isReady) return;
        const wasUp = this.#isUp === true;
        this.#isUp = false;
        if (wasUp) emit({ event: 'cache.reconnecting', attempt, delayMs, reason });
        else emit({ event: 'cache.connect_failed', reason });
        emit({ event: 'cache.disabled' });
      },
    };
    this.#connections = Array.from(
      { length: options.connections },
      () => new RedisConnection(address, timings, hooks),
    );
  }

  get isReady(): boolean {
    return this.#connections.some((connection) => connection.isReady);
  }

  /** For commands that change nothing: asked again elsewhere when the first connection is silent. */
  async read<T>(budgetMs: number, command: (client: RedisClient) => Promise<T>): Promise<T> {
    const first = this.#next();
    if (!this.#options.retryOnTimeout || !this.#connections.some((other) => other !== first && other.isReady))
      return this.#on(first, budgetMs, command);
    try {
      return await this.#on(first, budgetMs / 2, command);
    } catch (error) {
      const second = this.#next(first);
      if (!second || !(error instanceof CacheError && error.message === 'timeout')) throw error;
      return second.run(budgetMs / 2, command);
    }
  }

  write<T>(budgetMs: number, command: (client: RedisClient) => Promise<T>): Promise<T> {
    return this.#on(this.#next(), budgetMs, command);
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
    this.#options.emit({ event: 'cache.disconnected' });
  }

  async #on<T>(
    connection: RedisConnection | undefined,
    budgetMs: number,
    command: (client: RedisClient) => Promise<T>,
  ): Promise<T> {
    if (!connection) throw new CacheError('CACHE_STORE_UNAVAILABLE', 'disconnected');
    return connection.run(budgetMs, command);
  }

  #next(other?: RedisConnection): RedisConnection | undefined {
    const ready = this.#connections.filter((connection) => connection.isReady && connection !== other);
    if (!this.#options.spread) return ready[0];
    this.#turn = (this.#turn + 1) % 2 ** 30;
    return ready[this.#turn % ready.length];
  }
}
