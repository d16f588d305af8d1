import { CacheError } from '../engine/cache-errors.js';
import type { BreakerState } from './circuit-breaker.js';
import { isOverdue } from './deadline.js';
import type { ConnectionOptions } from './connection-options.js';
import { RedisConnection } from './redis-connection.js';
import type { RedisAddress } from './redis-address.js';
import type { Arrival } from './redis-servers.js';
import type { RedisCommand, RedisSession } from './redis-session.js';

export interface RedisConnectionsOptions extends Pick<
  ConnectionOptions,
  'locate' | 'timings' | 'clock' | 'paceWhenRefused' | 'paceWhenAway'
> {
  readonly beforeUse: (session: RedisSession, arrival: Arrival) => Promise<void>;
  /** How often the server is located anew although it answers, ms. Default: never. */
  readonly followMs?: number | undefined;
  /** Whether another was in use in its place, which others may have left earlier. Default: false. */
  readonly isSuccessor?: boolean | undefined;
  /** How many connections are held. */
  readonly connections: number;
  /** Whether commands are spread over all of them; else one serves and the others stand by. */
  readonly spread: boolean;
  /** Whether a read that got no answer within half its budget is asked on another connection, too. */
  readonly retryOnTimeout: boolean;
  /** One more connection is in use. */
  readonly onUp: () => void;
  /** One more attempt has failed, and none is left that can be used. */
  readonly onDown: (reason: string, attempt: number, delayMs: number) => void;
  readonly onBreaker: (state: BreakerState) => void;
}

const BEST_FIRST: readonly BreakerState[] = ['closed', 'half-open', 'open'];

/** The connections to one Redis server, seen as one: up while any of them is. */
export class RedisConnections {
  readonly #options: RedisConnectionsOptions;
  readonly #connections: RedisConnection[];
  #turn = 0;
  #stopFollowing: (() => void) | undefined;
  /** Where all are to be. */
  #place: RedisAddress | undefined;
  /** Which of them was the last to come into use. */
  #used: RedisSession | undefined;
  /** Which of them was the last to be made ready for that. */
  #latest: RedisSession | undefined;
  /** Whether there was another server before the one that comes into use next. */
  #hasMoved = false;
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
          beforeUse: (session, isNew) => this.#beforeUse(session, isNew),
          onReady: (session) => {
            // Another place, or another server there, was found while this one was made ready.
            if (
              !isSame(session.address, this.#place) ||
              !isSameServer(session, this.#latest ?? session) ||
              this.#strangersTo(session).length > 0
            ) {
              this.#connections.find((connection) => connection.session === session)?.leave();
              return;
            }
            this.#used = session;
            this.#hasMoved = false;
            onUp();
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
    this.#follow();
  }

  get isReady(): boolean {
    return this.#connections.some((connection) => connection.isReady);
  }

  /** That of the connection which is best off. */
  get breaker(): BreakerState {
    return this.#breaker;
  }

  /**
   * Whether it is this server that commands go to. `undefined` where no connection is open: the address may be right, and
   * another server have been named in its place that lets nobody in yet.
   */
  isThis(identity: string): boolean | undefined {
    const sessions = this.#connections.flatMap(({ session }) => session ?? []);
    if (sessions.length > 0) return sessions.some((session) => session.identity.text === identity);
    return this.#used === undefined || isSame(this.#used.address, this.#place) ? undefined : false;
  }

  /**
   * For commands that change nothing: asked elsewhere, too, when the first connection is silent. Whoever answers first is
   * heard, for it may be the server that takes its time.
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

  async close(): Promise<void> {
    this.#stopFollowing?.();
    this.#stopFollowing = undefined;
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

  async #beforeUse(session: RedisSession, isNew: boolean): Promise<void> {
    if (isNew && !this.#moveTo(session.address)) throw new CacheError('CACHE_STORE_UNAVAILABLE', 'BEHIND');
    if (isNew) for (const connection of this.#strangersTo(session)) connection.leave();
    if (isNew) this.#noteMove(session);
    await this.#options.beforeUse(session, !isNew ? 'known' : this.#hasMoved ? 'moved' : 'new');
  }

  /** What was paid to one that did not come into use then is paid to nobody: a move is one until it has succeeded. */
  #noteMove(session: RedisSession): void {
    const before = [this.#used, this.#latest].filter((one) => one !== undefined);
    const takesOver = !this.#used && this.#options.isSuccessor === true;
    this.#hasMoved ||= takesOver || before.some((one) => !isSameServer(session, one));
    this.#latest = session;
  }

  /** A master that was cut off from its sentinels goes on for whoever still reaches it, while they have named another. */
  #follow(): void {
    const { clock, followMs } = this.#options;
    if (followMs === undefined) return;
    this.#stopFollowing = clock.schedule(followMs, () => {
      void this.#look().then(() => {
        if (this.#stopFollowing) this.#follow();
      });
    });
  }

  async #look(): Promise<void> {
    try {
      const address = await this.#options.locate();
      if (this.#elsewhere(address).length > 0) this.#moveTo(address);
    } catch {
      // Nobody who could be asked says that it has moved.
    }
  }

  /**
   * Leads all to one place, before it is used: an invalidation must not go to one server while reads go to another.
   *
   * @returns whether it is the right one. Sentinels may be behind, or not agree on how to spell it: only for a later
   *   failover a living server is left
   */
  #moveTo(address: RedisAddress): boolean {
    const left = this.#elsewhere(address);
    const isLater = ({ reached }: RedisConnection) =>
      (address.failover ?? 0) > (reached?.address.failover ?? 0);
    if (!left.every(isLater)) return false;
    this.#place = address;
    for (const connection of left) connection.leave();
    return true;
  }

  /** Those that came to another server at the same address: it may be a name or a proxy, and lead to a new one by now. */
  #strangersTo(one: RedisSession): RedisConnection[] {
    return this.#connections.filter(
      ({ session }) => session && isSame(session.address, one.address) && !isSameServer(session, one),
    );
  }

  /** Also those that are made ready there: what they pay meanwhile would be paid to nobody. */
  #elsewhere(address: RedisAddress): RedisConnection[] {
    return this.#connections.filter(({ reached }) => reached && !isSame(reached.address, address));
  }
}

function isSame(one: RedisAddress, other: RedisAddress | undefined): boolean {
  return one.host === other?.host && one.port === other.port;
}

/** Where it was started again, or another promoted there, it is not: nobody knows who has used it before. */
function isSameServer(one: RedisSession, other: RedisSession): boolean {
  return isSame(one.address, other.address) && one.identity.text === other.identity.text;
}
