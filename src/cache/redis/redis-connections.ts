import { CacheError } from '../engine/cache-errors.js';
import type { BreakerState } from './circuit-breaker.js';
import { isOverdue } from './deadline.js';
import type { ConnectionOptions } from './connection-options.js';
import { RedisConnection } from './redis-connection.js';
import type { RedisCommand } from './redis-session.js';
import { ServerMoves, type ServerMovesOptions } from './server-moves.js';

interface RedisConnectionsOptions
  extends ServerMovesOptions, Pick<ConnectionOptions, 'timings' | 'paceWhenRefused' | 'paceWhenAway'> {
  /** How many connections are held. */
  readonly connections: number;
  /** Whether commands are spread over all connections; else one serves and the others stand by. */
  readonly spread: boolean;
  /** Whether a read that got no answer within half its budget is asked on another connection, too. */
  readonly retryOnTimeout: boolean;
  /** Called when a connection comes into use. */
  readonly onUp: () => void;
  /** Called when a connection was lost or an attempt failed, and no other can be used. */
  readonly onDown: (reason: string, attempt: number, delayMs: number) => void;
  readonly onBreaker: (state: BreakerState) => void;
}

const BEST_FIRST: readonly BreakerState[] = ['closed', 'half-open', 'open'];

/** The connections to one Redis server, seen as one: up while any of them is. */
export class RedisConnections {
  readonly #options: RedisConnectionsOptions;
  readonly #connections: RedisConnection[];
  readonly #moves: ServerMoves;
  #turn = 0;
  #breaker: BreakerState = 'closed';

  constructor(options: RedisConnectionsOptions) {
    this.#options = options;
    const { locate, timings, clock, paceWhenRefused, paceWhenAway, onUp, onDown, onBreaker } = options;
    this.#connections = Array.from(
      { length: options.connections },
      () =>
        new RedisConnection({
          locate,
          timings,
          clock,
          paceWhenRefused,
          paceWhenAway,
          beforeUse: (session, isNew) => this.#moves.beforeUse(session, isNew),
          onReady: (session) => {
            if (this.#moves.admit(session)) onUp();
          },
          onLost: (...told) => {
            if (!this.isReady) onDown(...told);
          },
          onBreaker: () => {
            const state = BEST_FIRST.find((best) =>
              this.#connections.some(({ breaker }) => breaker === best),
            );
            if (state === undefined || state === this.#breaker) return;
            this.#breaker = state;
            onBreaker(state);
          },
        }),
    );
    this.#moves = new ServerMoves(options, this.#connections);
  }

  get isReady(): boolean {
    return this.#connections.some((connection) => connection.isReady);
  }

  /** The state of the connection that is best off. */
  get breaker(): BreakerState {
    return this.#breaker;
  }

  /** As {@link ServerMoves.isThis}. */
  isThis(identity: string): boolean | undefined {
    return this.#moves.isThis(identity);
  }

  /**
   * For commands that change nothing: if the first connection is silent, another is asked, too. The first answer counts,
   * whichever it is from, since it may be the server that is slow and not the connection.
   */
  async read<T>(budgetMs: number, command: RedisCommand<T>): Promise<T> {
    const first = this.#next();
    const answer = this.#on(first, budgetMs, command);
    if (!this.#options.retryOnTimeout || !this.#connections.some((other) => other !== first && other.isReady))
      return answer;
    if (!(await isOverdue(budgetMs / 2, answer))) return answer;
    first?.doubt();
    const second = this.#next(first);
    if (!second) return answer;
    return second.run(budgetMs / 2, command, answer).catch(() => answer);
  }

  write<T>(budgetMs: number, command: RedisCommand<T>): Promise<T> {
    return this.#on(this.#next(), budgetMs, command);
  }

  /** As {@link RedisServers.insist}. */
  insist<T>(budgetMs: number, command: RedisCommand<T>): Promise<T> {
    const doubted = () => this.#connections.find((connection) => connection.mayAnswer);
    return this.#on(this.#next() ?? doubted(), budgetMs, command);
  }

  async close(): Promise<void> {
    this.#moves.close();
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }

  async #on<T>(
    connection: RedisConnection | undefined,
    budgetMs: number,
    command: RedisCommand<T>,
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
