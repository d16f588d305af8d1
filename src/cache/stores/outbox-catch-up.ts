import { pause, systemClock } from '../engine/clock.js';
import { byHardness, takenAway } from '../engine/tags.js';
import type { Outbox } from '../outbox/outbox.js';
import { ABANDONED_AFTER_MS } from '../outbox/outbox-relay.js';
import { outsideUnits } from '../outbox/unit-of-work.js';
import { withDeadline } from '../redis/deadline.js';
import type { RedisServers } from '../redis/redis-servers.js';
import type { RedisSession } from '../redis/redis-session.js';
import type { Removal, TokenRemovals } from './token-removals.js';

/** What the outbox may take before a new connection is used; after it the epoch goes. */
export const CATCH_UP_BUDGET_MS = 1000;
/** How often it is asked whether those who are at work on rows of the outbox have settled them. */
const HELD_POLL_MS = 20;

/**
 * Relays what other processes have left in the outbox before anything is read from a server that this one has not used so
 * far: they may have been unable to reach it.
 */
export class OutboxCatchUp {
  readonly #outbox: Outbox | undefined;
  readonly #servers: RedisServers;
  readonly #removals: TokenRemovals;
  /** Whether a server is in use about which the outbox could not be asked, for its database was not there yet. */
  #isLate = false;
  #catchingUp: Promise<void> | undefined;

  constructor(outbox: Outbox | undefined, servers: RedisServers, removals: TokenRemovals) {
    this.#outbox = outbox;
    this.#servers = servers;
    this.#removals = removals;
  }

  /** @param orElse  what is done where not all could be relayed in time */
  async beforeUse(session: RedisSession, server: string, orElse: () => Promise<void>): Promise<void> {
    if (!this.#outbox) return;
    // Before the database is there, nothing that depends on it is answered either.
    if (!this.#outbox.isReady) {
      this.#isLate = true;
      return;
    }
    try {
      await this.#relayAll(this.#outbox, (removal) => this.#removeThrough(session, server, removal));
    } catch {
      await orElse();
    }
  }

  /**
   * Makes up what could not be relayed when Redis came into use. Done once, as soon as the outbox can be asked.
   *
   * @param orElse  what is done where not all could be relayed in time
   * @returns when that is done; `undefined` where there is nothing to wait for
   */
  relayLate(orElse: () => Promise<void>): Promise<void> | undefined {
    if (!this.#isLate || !this.#outbox?.isReady) return undefined;
    const outbox = this.#outbox;
    // Whoever reads first comes here, perhaps inside a method that writes, and it is no work of that method.
    return (this.#catchingUp ??= outsideUnits(() => this.#catchUp(outbox, orElse)));
  }

  async #catchUp(outbox: Outbox, orElse: () => Promise<void>): Promise<void> {
    try {
      await this.#relayAll(outbox, (removal) => this.#remove(removal));
    } catch {
      await orElse();
    } finally {
      this.#isLate = false;
      this.#catchingUp = undefined;
    }
  }

  /** @throws what `remove` throws, and where it takes longer than 1 s */
  async #relayAll(outbox: Outbox, remove: (removal: Removal) => Promise<void>): Promise<void> {
    const apply = async (intent: readonly string[]) => {
      const { hard, soft } = byHardness(intent);
      // Hard, also what was soft: that is never less than was asked for, and few entries are young enough by now to be spared.
      for (const wave of this.#removals.waves(takenAway([...hard, ...soft], []), [])) {
        await Promise.all(wave.map(remove));
      }
      return true;
    };
    let isOver = false;
    const relayUntilEmpty = async () => {
      for (let settled: number | 'held' = 1; settled !== 0 && !isOver;) {
        settled = await outbox.relay(ABANDONED_AFTER_MS, apply);
        if (settled === 'held') await pause(systemClock, HELD_POLL_MS);
      }
    };
    try {
      await withDeadline(CATCH_UP_BUDGET_MS, relayUntilEmpty());
    } finally {
      isOver = true;
    }
  }

  /** @param session what is new, and so cannot be asked for by name yet */
  #removeThrough(session: RedisSession, server: string, removal: Removal): Promise<void> {
    // A server that falls silent here must not keep the rows from everybody else's relays.
    if (removal.server === server) {
      return withDeadline(CATCH_UP_BUDGET_MS, this.#removals.send(session, removal));
    }
    return this.#remove(removal);
  }

  #remove(removal: Removal): Promise<void> {
    return this.#servers.write(removal.server, CATCH_UP_BUDGET_MS, (session) =>
      this.#removals.send(session, removal),
    );
  }
}
