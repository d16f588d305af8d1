import { CacheError } from '../engine/cache-errors.js';
import type { BreakerState } from './circuit-breaker.js';
import { ConnectionReport } from './connection-report.js';
import { paceOfAbsences, type ReconnectionPace } from './reconnection-pace.js';
import { RedisBackplane } from './redis-backplane.js';
import type { RedisAddress } from './redis-address.js';
import type { RedisCommand } from './redis-session.js';
import { RedisConnections } from './redis-connections.js';
import type { BeforeUse, RedisServers, RedisTopology } from './redis-servers.js';
import type { ServersOptions } from './servers-options.js';

const NAME = 'redis';

/** One server that has every key. It may move: then it is located again. */
export class SingleServer implements RedisServers {
  readonly isCluster = false;
  readonly names = [NAME];
  readonly hashTags = [];
  readonly url: string;
  readonly topology: RedisTopology;
  readonly #options: ServersOptions;
  readonly #locate: () => Promise<RedisAddress>;
  readonly #report: ConnectionReport;
  readonly #paceWhenAway: ReconnectionPace;
  readonly backplane: RedisBackplane | undefined;
  #connections: RedisConnections | undefined;

  constructor(options: ServersOptions, locate: () => Promise<RedisAddress>) {
    this.url = options.url;
    this.topology = options.topology;
    this.#options = options;
    this.#locate = locate;
    this.#report = new ConnectionReport(options.emit, options.url, options.clock);
    this.#paceWhenAway = paceOfAbsences(options.maxBackoffMs);
    if (options.maxConnections > 1) {
      this.backplane = new RedisBackplane({
        locate,
        timings: options.timings,
        clock: options.clock,
        paceWhenRefused: options.paceWhenRefused,
        paceWhenAway: this.#paceWhenAway,
        channel: options.channel,
        epochKey: options.epochKey,
        isOurs: ({ text }) => this.#connections?.isThis(text),
      });
    }
  }

  get isReady(): boolean {
    return this.#connections?.isReady ?? false;
  }

  get isWhole(): boolean {
    return this.isReady;
  }

  get breaker(): BreakerState {
    return this.#connections?.breaker ?? 'closed';
  }

  get isRefused(): boolean {
    return this.#report.isRefused;
  }

  get whyAway(): string | undefined {
    return this.#report.whyAway;
  }

  nameOf(): string {
    return NAME;
  }

  isAway(): boolean {
    return !this.isReady;
  }

  hashTagOf(): undefined {
    return undefined;
  }

  start(beforeUse: BeforeUse): void {
    const { timings, clock, paceWhenRefused, maxConnections, pool, retryOnTimeout, followMs } = this.#options;
    const left = this.backplane ? maxConnections - 1 : maxConnections;
    this.#connections = new RedisConnections({
      locate: this.#locate,
      timings,
      clock,
      paceWhenRefused,
      paceWhenAway: this.#paceWhenAway,
      beforeUse: (session, arrival) => beforeUse(session, NAME, arrival),
      followMs,
      connections: pool ? left : Math.min(2, left),
      spread: pool,
      retryOnTimeout,
      onUp: () => {
        this.#report.up();
      },
      onDown: (...told) => {
        this.#report.down(...told);
      },
      onBreaker: (state) => {
        this.#report.breaker(state);
      },
    });
    this.backplane?.start();
  }

  read<T>(_server: string, budgetMs: number, command: RedisCommand<T>): Promise<T> {
    return this.#connections?.read(budgetMs, command) ?? unavailable();
  }

  write<T>(_server: string, budgetMs: number, command: RedisCommand<T>): Promise<T> {
    return this.#connections?.write(budgetMs, command) ?? unavailable();
  }

  insist<T>(_server: string, budgetMs: number, command: RedisCommand<T>): Promise<T> {
    return this.#connections?.insist(budgetMs, command) ?? unavailable();
  }

  async close(): Promise<void> {
    await Promise.all([this.#connections?.close(), this.backplane?.close()]);
    this.#report.closed();
  }
}

function unavailable(): Promise<never> {
  return Promise.reject(new CacheError('CACHE_STORE_UNAVAILABLE', 'disconnected'));
}
