import { CacheError } from '../engine/cache-errors.js';
import type { BreakerState } from './circuit-breaker.js';
import { ConnectionReport } from './connection-report.js';
import { failureReason, isRefusal } from './failure-reason.js';
import { keySlot, SLOTS } from './key-slot.js';
import { fromHostAndPort, type HostAndPort, type RedisLogin } from './redis-address.js';
import { paceOfAbsences } from './reconnection-pace.js';
import type { RedisCommand } from './redis-session.js';
import { RedisConnections } from './redis-connections.js';
import type { BeforeUse, RedisServers, RedisTopology } from './redis-servers.js';
import type { ServersOptions } from './servers-options.js';
import type { SlotTable } from './slot-table.js';
import { SlotTableWatch, WORRIED_MS } from './slot-table-watch.js';

/** So many that each of a few dozen masters has the slot of at least one. */
const HASH_TAGS = Array.from({ length: 256 }, (_, number) => `{${number}}`);
const HASH_TAG_SLOTS = HASH_TAGS.map(keySlot);

/**
 * The masters of a Redis Cluster, each with connections of its own, so that one that hangs holds up only calls for its own
 * keys. A `MOVED` reply is not followed: it counts as no answer, and the table is read again.
 */
export class RedisCluster implements RedisServers {
  readonly isCluster = true;
  readonly backplane = undefined;
  readonly hashTags = HASH_TAGS;
  readonly url: string;
  readonly topology: RedisTopology;
  readonly #options: ServersOptions;
  readonly #login: RedisLogin;
  readonly #report: ConnectionReport;
  readonly #servers = new Map<string, RedisConnections>();
  readonly #closing = new Set<Promise<void>>();
  readonly #watch: SlotTableWatch;
  #masters: SlotTable['masters'] = [];
  #hashTags: ReadonlyMap<string, string> = new Map();
  #hasEverySlot = false;
  #isDown = false;

  constructor(options: ServersOptions, seeds: readonly HostAndPort[], login: RedisLogin) {
    this.url = options.url;
    this.topology = options.topology;
    this.#options = options;
    this.#login = login;
    this.#report = new ConnectionReport(options.emit, options.url, options.clock);
    this.#watch = new SlotTableWatch({
      seeds,
      login,
      connectTimeoutMs: options.timings.connectTimeoutMs,
      paceWhenRefused: options.paceWhenRefused,
      servers: this.#servers,
      isWhole: () => this.#isUp && this.#isEachReady,
      onUnread: (reason, delayMs) => {
        if (this.names.length === 0) this.#report.down(reason, 1, delayMs);
      },
    });
  }

  get isReady(): boolean {
    return !this.#isDown && [...this.#servers.values()].some((server) => server.isReady);
  }

  /** A server without a hash tag is as good as away: it has no epoch of its own, and so gives no tokens. */
  get isWhole(): boolean {
    return this.#isUp && this.#hashTags.size === this.#servers.size && this.#isEachReady;
  }

  /** Whether each slot is served, as far as the table tells. */
  get #isUp(): boolean {
    return !this.#isDown && this.#hasEverySlot;
  }

  get #isEachReady(): boolean {
    for (const server of this.#servers.values()) if (!server.isReady) return false;
    return true;
  }

  /** Slots without a master have a server that nobody can ask. */
  get breaker(): BreakerState {
    if (this.#masters.length > 0 && !this.#hasEverySlot) return 'open';
    const states = [...this.#servers.values()].map(({ breaker }) => breaker);
    return (
      states.find((state) => state === 'open') ?? states.find((state) => state === 'half-open') ?? 'closed'
    );
  }

  get isRefused(): boolean {
    return this.#report.isRefused;
  }

  get whyAway(): string | undefined {
    return this.#report.whyAway;
  }

  get names(): readonly string[] {
    return [...this.#servers.keys()];
  }

  nameOf(key: string): string {
    return this.#masters[keySlot(key)] ?? '';
  }

  isAway(server: string): boolean {
    return this.#isDown || !this.#servers.get(server)?.isReady;
  }

  hashTagOf(server: string): string | undefined {
    return this.#hashTags.get(server);
  }

  start(beforeUse: BeforeUse): void {
    this.#watch.start((table) => {
      this.#adopt(table, beforeUse);
      if (this.#isUp) this.#report.tableRead();
      else this.#report.down('CLUSTERDOWN', 1, WORRIED_MS);
    });
  }

  read<T>(server: string, budgetMs: number, command: RedisCommand<T>): Promise<T> {
    return this.#run(this.#servers.get(server)?.read(budgetMs, command));
  }

  write<T>(server: string, budgetMs: number, command: RedisCommand<T>): Promise<T> {
    return this.#run(this.#servers.get(server)?.write(budgetMs, command));
  }

  insist<T>(server: string, budgetMs: number, command: RedisCommand<T>): Promise<T> {
    return this.#run(this.#servers.get(server)?.insist(budgetMs, command));
  }

  async close(): Promise<void> {
    await this.#watch.close();
    for (const name of this.names) this.#drop(name);
    await Promise.all(this.#closing);
    this.#report.closed();
  }

  async #run<T>(answer: Promise<T> | undefined): Promise<T> {
    try {
      if (!answer) throw new CacheError('CACHE_STORE_UNAVAILABLE', 'disconnected');
      return await answer;
    } catch (error) {
      if (/^(MOVED|CLUSTERDOWN)$/.test(failureReason(error))) this.#watch.suspect();
      throw error;
    }
  }

  #adopt({ masters, isDown }: SlotTable, beforeUse: BeforeUse): void {
    // A master that comes later may be a promoted replica: the one before it may go on, cut off, and others still write there.
    const isSuccessor = this.#masters.length > 0;
    this.#masters = masters;
    this.#isDown = isDown;
    this.#hashTags = hashTagsBy(masters);
    this.#hasEverySlot = masters.length === SLOTS && masters.every((name) => name !== undefined);
    const names = new Set(masters.filter((name) => name !== undefined));
    for (const name of this.names) if (!names.has(name)) this.#drop(name);
    for (const name of names) {
      if (this.#servers.has(name)) continue;
      this.#servers.set(name, this.#connect(name, isSuccessor, names.size, beforeUse));
    }
  }

  #connect(name: string, isSuccessor: boolean, masters: number, beforeUse: BeforeUse): RedisConnections {
    const { timings, clock, paceWhenRefused, maxBackoffMs, maxConnections, pool, retryOnTimeout } =
      this.#options;
    const address = { ...fromHostAndPort(name), ...this.#login };
    const share = Math.max(1, Math.floor(maxConnections / masters));
    return new RedisConnections({
      locate: () => Promise.resolve(address),
      timings,
      clock,
      paceWhenRefused,
      paceWhenAway: paceOfAbsences(maxBackoffMs),
      beforeUse: (session, arrival) => beforeUse(session, name, arrival),
      isSuccessor,
      connections: pool ? share : Math.min(2, share),
      spread: pool,
      retryOnTimeout,
      onUp: () => {
        this.#report.up(name);
      },
      onDown: (reason, attempt, delayMs) => {
        this.#report.down(reason, attempt, delayMs, name);
        if (!isRefusal(reason)) this.#watch.suspect();
      },
      onBreaker: (state) => {
        this.#report.breaker(state, name);
      },
    });
  }

  #drop(name: string): void {
    const closing = this.#servers.get(name)?.close();
    this.#servers.delete(name);
    this.#report.forget(name);
    if (!closing) return;
    this.#closing.add(closing);
    void closing.finally(() => this.#closing.delete(closing));
  }
}

/** For each server the first hash tag whose slot it has. A server with few slots may have none. */
function hashTagsBy(masters: SlotTable['masters']): ReadonlyMap<string, string> {
  const tags = new Map<string, string>();
  for (const [index, tag] of HASH_TAGS.entries()) {
    const server = masters[HASH_TAG_SLOTS[index] ?? 0];
    if (server !== undefined && !tags.has(server)) tags.set(server, tag);
  }
  return tags;
}
