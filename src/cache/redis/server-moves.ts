import { CacheError } from '../engine/cache-errors.js';
import type { ConnectionOptions } from './connection-options.js';
import type { RedisAddress } from './redis-address.js';
import type { RedisConnection } from './redis-connection.js';
import type { Arrival } from './redis-servers.js';
import type { RedisSession } from './redis-session.js';

export interface ServerMovesOptions extends Pick<ConnectionOptions, 'locate' | 'clock'> {
  readonly beforeUse: (session: RedisSession, arrival: Arrival) => Promise<void>;
  /** How often the server is located anew although it answers, ms. Default: never. */
  readonly followMs?: number | undefined;
  /** Whether another was in use in its place, which others may have left earlier. Default: false. */
  readonly isSuccessor?: boolean | undefined;
}

/** Leads all connections of a pool to one server, and after it where it moves. */
export class ServerMoves {
  readonly #options: ServerMovesOptions;
  readonly #connections: readonly RedisConnection[];
  #stopFollowing: (() => void) | undefined;
  /** Where all are to be. */
  #place: RedisAddress | undefined;
  /** Which of their sessions was the last to come into use. */
  #used: RedisSession | undefined;
  /** Which of them was the last to be made ready for that. */
  #latest: RedisSession | undefined;
  /** Whether there was another server before the one that comes into use next. */
  #hasMoved = false;

  constructor(options: ServerMovesOptions, connections: readonly RedisConnection[]) {
    this.#options = options;
    this.#connections = connections;
    this.#follow();
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

  /** @throws {CacheError} `CACHE_STORE_UNAVAILABLE` `BEHIND` where the others are at a later server */
  async beforeUse(session: RedisSession, isNew: boolean): Promise<void> {
    if (!isNew) return this.#options.beforeUse(session, 'known');
    if (!this.#moveTo(session.address)) throw new CacheError('CACHE_STORE_UNAVAILABLE', 'BEHIND');
    for (const connection of this.#strangersTo(session)) connection.leave();
    this.#noteMove(session);
    const arrival = this.#arrivalOf(session);
    await this.#options.beforeUse(session, arrival);
    // The others were lost meanwhile: from then on nobody has looked at what is left behind.
    const later = this.#arrivalOf(session);
    if (arrival === 'beside' && later !== 'beside') await this.#options.beforeUse(session, later);
  }

  /** A session was made ready. @returns whether it comes into use; if not, its connection is led elsewhere */
  admit(session: RedisSession): boolean {
    // Another place, or another server there, was found while this one was made ready.
    if (
      !isSame(session.address, this.#place) ||
      !isSameServer(session, this.#latest ?? session) ||
      this.#strangersTo(session).length > 0
    ) {
      this.#connections.find((connection) => connection.session === session)?.leave();
      return false;
    }
    this.#used = session;
    this.#hasMoved = false;
    return true;
  }

  close(): void {
    this.#stopFollowing?.();
    this.#stopFollowing = undefined;
  }

  /**
   * What is in use at the same run of the same server was itself made ready, and goes on without being made so again: to
   * come in beside it shows nothing that it does not show already. It can have missed nothing that the server itself has
   * forgotten: a restart, be it from an old snapshot, and a promotion give another identity, and so strangers; a replica
   * does not come so far. Nor is it enough that one is open: one that is doubted is asked by nobody.
   */
  #arrivalOf(session: RedisSession): Arrival {
    if (this.#hasMoved) return 'moved';
    const isBeside = this.#connections.some(
      ({ isReady, session: other }) => isReady && other && isSameServer(other, session),
    );
    return isBeside ? 'beside' : 'new';
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
      void this.#locateAnew().then(() => {
        if (this.#stopFollowing) this.#follow();
      });
    });
  }

  async #locateAnew(): Promise<void> {
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
