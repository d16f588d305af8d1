import { CacheError } from '../engine/cache-errors.js';
import type { ConnectionOptions } from './connection-options.js';
import type { RedisAddress } from './redis-address.js';
import type { RedisConnection } from './redis-connection.js';
import type { Arrival } from './redis-servers.js';
import type { RedisSession } from './redis-session.js';

export interface ServerMovesOptions extends Pick<ConnectionOptions, 'locate' | 'clock'> {
  readonly beforeUse: (session: RedisSession, arrival: Arrival) => Promise<void>;
  /** How often the server is located again although it answers, ms. Default: never. */
  readonly followMs?: number | undefined;
  /** Whether another server was in its place before, which other processes may have left earlier. Default: false. */
  readonly isSuccessor?: boolean | undefined;
}

/** Keeps all connections of a pool at one server, and takes them along when it moves. */
export class ServerMoves {
  readonly #options: ServerMovesOptions;
  readonly #connections: readonly RedisConnection[];
  #stopFollowing: (() => void) | undefined;
  /** Where all connections should be. */
  #place: RedisAddress | undefined;
  /** The session that came into use last. */
  #used: RedisSession | undefined;
  /** The session that was last being made ready for use. */
  #latest: RedisSession | undefined;
  /** Whether the next session that comes into use is at another server than those before. */
  #hasMoved = false;

  constructor(options: ServerMovesOptions, connections: readonly RedisConnection[]) {
    this.#options = options;
    this.#connections = connections;
    this.#follow();
  }

  /**
   * Whether commands go to this server. `undefined` if no connection is open: the address may still be right, or another
   * server may have been named that lets nobody in yet.
   */
  isThis(identity: string): boolean | undefined {
    const sessions = this.#connections.flatMap(({ session }) => session ?? []);
    if (sessions.length > 0) return sessions.some((session) => session.identity.text === identity);
    return this.#used === undefined || isSame(this.#used.address, this.#place) ? undefined : false;
  }

  /** @throws {CacheError} `CACHE_STORE_UNAVAILABLE` `BEHIND` if the other connections are at a later server */
  async beforeUse(session: RedisSession, isNew: boolean): Promise<void> {
    if (!isNew) return this.#options.beforeUse(session, 'known');
    if (!this.#moveTo(session.address)) throw new CacheError('CACHE_STORE_UNAVAILABLE', 'BEHIND');
    for (const connection of this.#strangersTo(session)) connection.leave();
    this.#noteMove(session);
    const arrival = this.#arrivalOf(session);
    await this.#options.beforeUse(session, arrival);
    // If the other connections were lost meanwhile, what happened since then has not been seen to.
    const later = this.#arrivalOf(session);
    if (arrival === 'beside' && later !== 'beside') await this.#options.beforeUse(session, later);
  }

  /** A session was made ready. @returns whether it comes into use; if not, its connection is given up */
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
   * `beside` if another connection is in use at the same run of the same server. That one was made ready itself, and nothing
   * needs to be done again: a server that has forgotten something, by a restart or a promotion, has another identity, and a
   * replica never comes this far. The other must be ready, not only open: a doubted one is not in use.
   */
  #arrivalOf(session: RedisSession): Arrival {
    if (this.#hasMoved) return 'moved';
    const isBeside = this.#connections.some(
      ({ isReady, session: other }) => isReady && other && isSameServer(other, session),
    );
    return isBeside ? 'beside' : 'new';
  }

  /** A move counts as one until a session has come into use: what was made good on one that did not is lost. */
  #noteMove(session: RedisSession): void {
    const before = [this.#used, this.#latest].filter((one) => one !== undefined);
    const takesOver = !this.#used && this.#options.isSuccessor === true;
    this.#hasMoved ||= takesOver || before.some((one) => !isSameServer(session, one));
    this.#latest = session;
  }

  /** Asks for the place again and again: a master cut off from its sentinels still serves us after they have named another. */
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
      // Nobody has said that it has moved.
    }
  }

  /**
   * Takes all connections to one place before it is used: invalidations must not go to one server and reads to another.
   *
   * @returns whether that is the right place. Sentinels may be behind, or write the same address differently, so a living
   *   server is only left for one of a later failover
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

  /** Connections to another server at the same address: that may be a name or a proxy which leads elsewhere by now. */
  #strangersTo(one: RedisSession): RedisConnection[] {
    return this.#connections.filter(
      ({ session }) => session && isSame(session.address, one.address) && !isSameServer(session, one),
    );
  }

  /** Connections to other places, also those still being made ready: the invalidations they make good there would be lost. */
  #elsewhere(address: RedisAddress): RedisConnection[] {
    return this.#connections.filter(({ reached }) => reached && !isSame(reached.address, address));
  }
}

function isSame(one: RedisAddress, other: RedisAddress | undefined): boolean {
  return one.host === other?.host && one.port === other.port;
}

/** Not the same if it was started again or promoted meanwhile: it may have forgotten something. */
function isSameServer(one: RedisSession, other: RedisSession): boolean {
  return isSame(one.address, other.address) && one.identity.text === other.identity.text;
}
