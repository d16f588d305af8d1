import type { Backplane } from '../engine/backplane.js';
import type { BreakerState } from './circuit-breaker.js';
import type { RedisCommand, RedisSession } from './redis-session.js';

/** One server, the master that sentinels name, or the masters of a cluster. */
export type RedisTopology = 'single' | 'sentinel' | 'cluster';

/**
 * How a connection comes to be used. `known`: it was in use before. `beside`: it is new, and another connection to the same
 * server was in use all the while. `new`: it is new. `moved`: it is new, and leads to another server than the one before,
 * which other processes may have left earlier.
 */
export type Arrival = 'known' | 'beside' | 'new' | 'moved';

/** Runs on a new connection, and after every heartbeat, before its answers are trusted (again). */
export type BeforeUse = (session: RedisSession, server: string, arrival: Arrival) => Promise<void>;

/**
 * Redis, whatever it consists of: one server, the master that sentinels name, or the masters of a cluster. Every call ends
 * within its budget; if it rejects, then with `CACHE_STORE_UNAVAILABLE`.
 */
export interface RedisServers {
  /** Fit for logs and answers. */
  readonly url: string;
  readonly topology: RedisTopology;
  /** Whether there are several servers, each with its part of the keys. A command may then name one key only. */
  readonly isCluster: boolean;
  /** Whether any server can be asked now. */
  readonly isReady: boolean;
  /** Whether each key has a server that can be asked now. */
  readonly isWhole: boolean;
  /** The state of the server that is worst off. */
  readonly breaker: BreakerState;
  /** Whether a server is away because it does not accept this process's password or user, or forbids what it needs. */
  readonly isRefused: boolean;
  /** Why the last attempt to reach a server that is away failed, as a code such as `ECONNREFUSED`; `undefined` if none is. */
  readonly whyAway: string | undefined;
  /** How this process hears of invalidations by others; `undefined` on a cluster, or if only one connection is allowed. */
  readonly backplane: Backplane | undefined;
  /** The servers that are known. */
  readonly names: readonly string[];

  /** The server that has `key`; if none is known, a name that no server has. */
  nameOf(key: string): string;

  /** Whether a server cannot be asked now. */
  isAway(server: string): boolean;

  /** A text in braces: keys that hold it belong to this server. `undefined` if there is none, such as outside a cluster. */
  hashTagOf(server: string): string | undefined;
  /** All texts that {@link hashTagOf} may give. */
  readonly hashTags: readonly string[];

  /** Begins to connect, in the background. */
  start(beforeUse: BeforeUse): void;

  /** For commands that change nothing: another connection may be asked, too, when the first is silent. */
  read<T>(server: string, budgetMs: number, command: RedisCommand<T>): Promise<T>;

  write<T>(server: string, budgetMs: number, command: RedisCommand<T>): Promise<T>;

  /**
   * As {@link write}, but also sent while the server is doubted because it was silent just now: for what must be done, and
   * does no harm however late.
   */
  insist<T>(server: string, budgetMs: number, command: RedisCommand<T>): Promise<T>;

  close(): Promise<void>;
}

/** Divides keys into what one command may name: on a cluster one key, else all. */
export function inCommands({ isCluster }: RedisServers, keys: readonly string[]): string[][] {
  if (isCluster) return keys.map((key) => [key]);
  return keys.length === 0 ? [] : [[...keys]];
}
