import type { Backplane } from '../engine/backplane.js';
import type { BreakerState } from './circuit-breaker.js';
import type { RedisCommand, RedisSession } from './redis-session.js';

/** One server, the master that sentinels name, or the masters of a cluster. */
export type RedisTopology = 'single' | 'sentinel' | 'cluster';

/**
 * How a connection comes to be used: it was in use before; it is new, and another to the same server is in use all the
 * while; it is new; or it is new, and leads to another server than the one in use before, which others may have left earlier.
 */
export type Arrival = 'known' | 'beside' | 'new' | 'moved';

/** Runs on every living connection before it is used (again): what must be true before an answer is trusted. */
export type BeforeUse = (session: RedisSession, server: string, arrival: Arrival) => Promise<void>;

/**
 * Redis as commands reach it, whatever it consists of: one server, the master that sentinels name, or the masters of a
 * cluster. Every call ends within its budget; `CACHE_STORE_UNAVAILABLE` is what it rejects with.
 */
export interface RedisServers {
  /** Fit for logs and answers. */
  readonly url: string;
  readonly topology: RedisTopology;
  /** Several servers, each with its part of the keys; one command may then name one key only. */
  readonly isCluster: boolean;
  /** Whether any server can be asked now. */
  readonly isReady: boolean;
  /** Whether each key has a server that can be asked now. */
  readonly isWhole: boolean;
  /** That of the server which is worst off. */
  readonly breaker: BreakerState;
  /** Whether one that is away does not let this process in: it takes neither its password nor its user, or forbids what that needs. */
  readonly isRefused: boolean;
  /** Of one that is away, why the last attempt to connect failed, as a code such as `ECONNREFUSED`; `undefined` if none is. */
  readonly whyAway: string | undefined;
  /** How this process hears of invalidations by others; none on a cluster, or where one connection is all there may be. */
  readonly backplane: Backplane | undefined;
  /** The servers there are, as far as is known. */
  readonly names: readonly string[];

  /** The server that has `key`; a name that no server answers to when none is known. */
  nameOf(key: string): string;

  /** Whether a server cannot be asked now. */
  isAway(server: string): boolean;

  /** Something between braces that makes every key it stands in one of this server. Only on a cluster. */
  hashTagOf(server: string): string | undefined;
  /** All that {@link hashTagOf} ever gives. */
  readonly hashTags: readonly string[];

  /** Begins to connect, and nobody waits for it. */
  start(beforeUse: BeforeUse): void;

  /** For commands that change nothing: may be asked again on another connection when the first is silent. */
  read<T>(server: string, budgetMs: number, command: RedisCommand<T>): Promise<T>;

  write<T>(server: string, budgetMs: number, command: RedisCommand<T>): Promise<T>;

  /**
   * As {@link write}, and sent also where one was silent just now, so that nobody else is asked: for what must be done, and
   * does no harm however late it is.
   */
  insist<T>(server: string, budgetMs: number, command: RedisCommand<T>): Promise<T>;

  close(): Promise<void>;
}

/** So many keys as one command may name: all, or on a cluster one. */
export function inCommands({ isCluster }: RedisServers, keys: readonly string[]): string[][] {
  if (isCluster) return keys.map((key) => [key]);
  return keys.length === 0 ? [] : [[...keys]];
}
