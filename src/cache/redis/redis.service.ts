import { Injectable } from '@nestjs/common';
import { BoundedMap } from '../engine/bounded-map.js';
import { durationMs, type Duration } from '../engine/duration.js';
import type { BreakerState } from './circuit-breaker.js';
import { failureReason } from './failure-reason.js';
import { deleteMatching } from './delete-matching.js';
import type { RedisClient } from './redis-client.js';
import type { EmitRedisEvent } from './redis-events.js';
import { RedisScript } from './redis-script.js';
import type { RedisServers, RedisTopology } from './redis-servers.js';
import { serverStats, sumOf, type RedisServerStats } from './server-stats.js';

/** Whether Redis can be asked now; `not_configured` where none was named. */
export type RedisStatus = 'not_configured' | 'connected' | 'unavailable';

const INFO_BUDGET_MS = 500;

/** Whoever writes values into the texts of scripts must not fill the memory. */
const MAX_SCRIPTS = 100;

/** Options of each call about a key. */
export interface RedisCallOptions {
  /** Called if Redis has failed, which the result does not show, with a code such as `NOPERM` or `timeout`. Optional. */
  onFailure?: (reason: string) => void;
}

/**
 * Redis for code that wants it directly: JSON in and out, keys under the application's namespace.
 *
 * No call waits longer than the command timeout, except {@link stats} (500 ms) and {@link deletePattern} (1 s a step). None
 * throws because Redis is away: a read then finds nothing, and a write gives `false`.
 */
@Injectable()
export class RedisService {
  /** By their texts, those that were run last. */
  readonly #scripts = new BoundedMap<RedisScript>(MAX_SCRIPTS);

  constructor(
    private readonly servers: RedisServers | undefined,
    /** What stands before every key, as it is; empty by default. */
    readonly namespace: string,
    private readonly commandTimeoutMs: number,
    private readonly emit: EmitRedisEvent,
  ) {}

  status(): RedisStatus {
    if (!this.servers) return 'not_configured';
    return this.servers.isReady ? 'connected' : 'unavailable';
  }

  /** Whether Redis is asked: the state of the server that is worst off. `undefined` when not configured. */
  get breaker(): BreakerState | undefined {
    return this.servers?.breaker;
  }

  /** Whether it is away because it does not accept this process's password or user, or forbids what connecting needs. */
  get isRefused(): boolean {
    return this.servers?.isRefused ?? false;
  }

  /** Why it is away for this process, as a code such as `ECONNREFUSED` or `MAXCLIENTS`; `undefined` while it is not. */
  get whyAway(): string | undefined {
    return this.servers?.whyAway;
  }

  /** What Redis consists of; `undefined` when not configured. */
  get topology(): RedisTopology | undefined {
    return this.servers?.topology;
  }

  /** `redis://***@host:6379/0`, `redis+cluster://host:6379,host:6380`; `undefined` when not configured. */
  get maskedUrl(): string | undefined {
    return this.servers?.url;
  }

  /** The value under `key`, or `undefined`: absent, unreadable, or Redis is away. */
  async get(key: string, options: RedisCallOptions = {}): Promise<unknown> {
    const text = await this.#call('read', 'GET', key, (client, name) => client.get(name), null, options);
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
  async set(
    key: string,
    value: unknown,
    options: RedisCallOptions & { ttl?: Duration } = {},
  ): Promise<boolean> {
    const { ttl } = options;
    const expiration =
      ttl === undefined ? undefined : ({ type: 'PX', value: durationMs(ttl, 'RedisService.set') } as const);
    const text = JSON.stringify(value ?? null);
    const isSet = await this.#call(
      'write',
      'SET',
      key,
      async (client, name) => (await client.set(name, text, expiration ? { expiration } : {})) === 'OK',
      false,
      options,
    );
    if (isSet) this.emit({ event: 'cache.set', key });
    return isSet;
  }

  /** @returns whether there was something to delete */
  async delete(key: string, options: RedisCallOptions = {}): Promise<boolean> {
    return this.#isOne('write', 'DELETE', key, (client, name) => client.unlink(name), options);
  }

  /** Whether there is something under `key`; `false` also while Redis is away. */
  async exists(key: string, options: RedisCallOptions = {}): Promise<boolean> {
    return this.#isOne('read', 'EXISTS', key, (client, name) => client.exists(name), options);
  }

  /**
   * Gives an existing key a new lifetime.
   *
   * @returns whether there was such a key
   * @throws {CacheError} `CACHE_INVALID_TTL`
   */
  async expire(key: string, ttl: Duration, options: RedisCallOptions = {}): Promise<boolean> {
    const ms = durationMs(ttl, 'RedisService.expire');
    return this.#isOne('write', 'EXPIRE', key, (client, name) => client.pExpire(name, ms), options);
  }

  /**
   * Runs a script, which must be constant text: Redis keeps every one it has ever seen, and this process the last 100.
   *
   * @param keys  at least one; on a cluster all with the same hash tag
   * @returns its reply, or `undefined`: Redis is away or refused, and whether the script ran is not known
   */
  async run(
    script: string,
    keys: readonly string[],
    parameters: readonly string[],
    options: RedisCallOptions = {},
  ): Promise<unknown> {
    const names = keys.map((key) => this.namespace + key);
    const known = this.#scripts.get(script) ?? new RedisScript(script);
    this.#scripts.set(script, known);
    return this.#orElse(
      undefined,
      (servers) =>
        servers.write(servers.nameOf(names[0] ?? ''), this.commandTimeoutMs, ({ client }) =>
          known.run(client, names, parameters),
        ),
      options,
    );
  }

  /**
   * An operator's tool, not for requests: walks the whole key space in small steps and removes what matches.
   *
   * @param glob  `*`, `?` and `[a-z]` as Redis reads them, within the application's namespace
   * @returns the number of keys deleted, those before a failure included
   */
  async deletePattern(glob: string): Promise<number> {
    const count = this.servers ? await deleteMatching(this.servers, this.namespace + glob) : 0;
    this.emit({ event: 'cache.deleted', pattern: glob, count });
    return count;
  }

  /** The servers' figures, added up; `undefined` when any is away, or none configured. */
  async stats(): Promise<RedisServerStats | undefined> {
    const stats = await this.#askAll(async (client) => serverStats(await client.info()), INFO_BUDGET_MS);
    return stats && sumOf(stats);
  }

  /** Whether every server answers. */
  async ping(): Promise<boolean> {
    const answers = await this.#askAll((client) => client.ping(), this.commandTimeoutMs);
    return answers?.every((answer) => answer === 'PONG') ?? false;
  }

  async #askAll<T>(command: (client: RedisClient) => Promise<T>, budgetMs: number): Promise<T[] | undefined> {
    if (!this.servers?.names.length) return undefined;
    return this.#orElse(undefined, (servers) =>
      Promise.all(servers.names.map((name) => servers.read(name, budgetMs, ({ client }) => command(client)))),
    );
  }

  /** @param command  gives the number of keys that it found */
  #isOne(
    way: 'read' | 'write',
    operation: string,
    key: string,
    command: (client: RedisClient, name: string) => Promise<number>,
    options: RedisCallOptions,
  ): Promise<boolean> {
    const isOne = async (client: RedisClient, name: string) => (await command(client, name)) === 1;
    return this.#call(way, operation, key, isOne, false, options);
  }

  #call<T>(
    way: 'read' | 'write',
    operation: string,
    key: string,
    command: (client: RedisClient, name: string) => Promise<T>,
    fallback: T,
    options: RedisCallOptions,
  ): Promise<T> {
    const name = this.namespace + key;
    if (this.status() === 'unavailable') this.emit({ event: 'cache.skip', operation, key });
    return this.#orElse(
      fallback,
      (servers) =>
        servers[way](servers.nameOf(name), this.commandTimeoutMs, ({ client }) => command(client, name)),
      options,
    );
  }

  async #orElse<T>(
    fallback: T,
    ask: (servers: RedisServers) => Promise<T>,
    { onFailure }: RedisCallOptions = {},
  ): Promise<T> {
    try {
      return this.servers ? await ask(this.servers) : fallback;
    } catch (error) {
      onFailure?.(failureReason(error));
      return fallback;
    }
  }
}
