import { Injectable } from '@nestjs/common';
import { durationMs, type Duration } from '../engine/duration.js';
import type { RedisAddress } from './redis-address.js';
import type { RedisClient } from './redis-connection.js';
import type { RedisConnections } from './redis-connections.js';
import type { EmitRedisEvent } from './redis-events.js';

/** The server's own figures, from `INFO`. They count everyone's commands and keys, not only this cache's. */
export interface RedisServerStats {
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly connectedClients: number;
  readonly usedMemoryHuman: string;
  readonly usedMemoryPeakHuman: string;
  readonly totalCommandsProcessed: number;
  readonly instantaneousOpsPerSec: number;
  readonly keyspaceHits: number;
  readonly keyspaceMisses: number;
}

export type RedisStatus = 'not_configured' | 'connected' | 'unavailable';

const INFO_BUDGET_MS = 500;
const SCAN_BUDGET_MS = 1000;

/**
 * Redis for code that wants it directly: JSON in and out, keys under the application's namespace.
 *
 * No call waits longer than the command timeout, and none throws because Redis is away: a read then finds nothing and
 * a write says `false`.
 */
@Injectable()
export class RedisService {
  constructor(
    private readonly connections: RedisConnections | undefined,
    private readonly address: RedisAddress | undefined,
    private readonly namespace: string,
    private readonly commandTimeoutMs: number,
    private readonly emit: EmitRedisEvent,
  ) {}

  status(): RedisStatus {
    if (!this.connections) return 'not_configured';
    return this.connections.isReady ? 'connected' : 'unavailable';
  }

  /** `redis://***@host:6379/0`; `undefined` when not configured. */
  get maskedUrl(): string | undefined {
    return this.address?.masked;
  }

  /** The value under `key`, or `undefined`: absent, unreadable, or Redis is away. */
  async get(key: string): Promise<unknown> {
    const text = await this.#read((client) => client.get(this.#name(key)), null);
    if (text === null) return undefined;
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return undefined;
    }
  }

  /**
   * @param value  anything JSON can hold
   * @param options.ttl  seconds, or text such as `'45s'`; without it the value stays until it is deleted or evicted
   * @returns whether Redis has it
   * @throws {CacheError} `CACHE_INVALID_TTL`
   */
  async set(key: string, value: unknown, options: { ttl?: Duration } = {}): Promise<boolean> {
    const { ttl } = options;
    const expiration =
      ttl === undefined ? undefined : ({ type: 'PX', value: durationMs(ttl, 'RedisService.set') } as const);
    const text = JSON.stringify(value ?? null);
    return this.#write(
      async (client) => (await client.set(this.#name(key), text, expiration ? { expiration } : {})) === 'OK',
      false,
    );
  }

  /** @returns whether there was something to delete */
  async delete(key: string): Promise<boolean> {
    return this.#write(async (client) => (await client.unlink(this.#name(key))) === 1, false);
  }

  async exists(key: string): Promise<boolean> {
    return this.#read(async (client) => (await client.exists(this.#name(key))) === 1, false);
  }

  /**
   * Gives an existing key a new lifetime.
   *
   * @returns whether there was such a key
   * @throws {CacheError} `CACHE_INVALID_TTL`
   */
  async expire(key: string, ttl: Duration): Promise<boolean> {
    const ms = durationMs(ttl, 'RedisService.expire');
    return this.#write(async (client) => (await client.pExpire(this.#name(key), ms)) === 1, false);
  }

  /**
   * An operator's tool, not for requests: walks the whole key space in small steps and removes what matches.
   *
   * @param glob  `*`, `?` and `[a-z]` as Redis reads them, within the application's namespace
   * @returns the number of keys deleted, those before a failure included
   */
  async deletePattern(glob: string): Promise<number> {
    let count = 0;
    let cursor = '0';
    do {
      const step = await this.#write(
        async (client) => {
          const { cursor: next, keys } = await client.scan(cursor, { MATCH: this.#name(glob), COUNT: 500 });
          return { next, deleted: keys.length > 0 ? await client.unlink(keys) : 0 };
        },
        undefined,
        SCAN_BUDGET_MS,
      );
      cursor = step?.next ?? '0';
      count += step?.deleted ?? 0;
    } while (cursor !== '0');
    this.emit({ event: 'cache.deleted', pattern: glob, count });
    return count;
  }

  /** The server's figures; `undefined` when Redis is away or not configured. */
  async stats(): Promise<RedisServerStats | undefined> {
    const info = await this.#read((client) => client.info(), undefined, INFO_BUDGET_MS);
    return info === undefined ? undefined : parseInfo(info);
  }

  async ping(): Promise<boolean> {
    return this.#read(async (client) => (await client.ping()) === 'PONG', false);
  }

  #name(key: string): string {
    return this.namespace + key;
  }

  #read<T>(
    command: (client: RedisClient) => Promise<T>,
    fallback: T,
    budgetMs = this.commandTimeoutMs,
  ): Promise<T> {
    return this.#orElse(fallback, (connections) => connections.read(budgetMs, command));
  }

  #write<T>(
    command: (client: RedisClient) => Promise<T>,
    fallback: T,
    budgetMs = this.commandTimeoutMs,
  ): Promise<T> {
    return this.#orElse(fallback, (connections) => connections.write(budgetMs, command));
  }

  async #orElse<T>(fallback: T, ask: (connections: RedisConnections) => Promise<T>): Promise<T> {
    try {
      return this.connections ? await ask(this.connections) : fallback;
    } catch {
      return fallback;
    }
  }
}

/** @param info the text of Redis's `INFO` */
export function parseInfo(info: string): RedisServerStats {
  const fields = new Map(info.split('\r\n').map((line) => line.split(':', 2) as [string, string]));
  const text = (name: string) => fields.get(name) ?? '';
  const number = (name: string) => Number(fields.get(name) ?? 0);
  return {
    version: text('redis_version'),
    uptimeSeconds: number('uptime_in_seconds'),
    connectedClients: number('connected_clients'),
    usedMemoryHuman: text('used_memory_human'),
    usedMemoryPeakHuman: text('used_memory_peak_human'),
    totalCommandsProcessed: number('total_commands_processed'),
    instantaneousOpsPerSec: number('instantaneous_ops_per_sec'),
    keyspaceHits: number('keyspace_hits'),
    keyspaceMisses: number('keyspace_misses'),
  };
}
