import { EPOCH, isWitness } from '../engine/tags.js';
import type { Outbox } from '../outbox/outbox.js';
import { failureReason } from '../redis/failure-reason.js';
import type { EmitRedisEvent } from '../redis/redis-events.js';
import type { RedisSession } from '../redis/redis-session.js';
import { inCommands, type Arrival, type RedisServers } from '../redis/redis-servers.js';
import { CATCH_UP_BUDGET_MS, OutboxCatchUp } from './outbox-catch-up.js';
import { OwedTokens } from './owed-tokens.js';
import type { RedisKeys } from './redis-keys.js';
import { TokenRemovals } from './token-removals.js';

/**
 * Takes tokens away, and keeps account of what Redis did not confirm: that is owed, hard also where it was soft, and
 * nobody in this process reads these tokens before it is paid.
 */
export class RedisInvalidations {
  readonly #servers: RedisServers;
  readonly #keys: RedisKeys;
  readonly #emit: EmitRedisEvent;
  readonly #removals: TokenRemovals;
  /** What nobody may read yet. */
  readonly owed: OwedTokens;
  readonly #catchUp: OutboxCatchUp;

  /** @param outbox holds what other processes have not invalidated yet; relayed before a new connection is read from */
  constructor(servers: RedisServers, keys: RedisKeys, emit: EmitRedisEvent, outbox: Outbox | undefined) {
    this.#servers = servers;
    this.#keys = keys;
    this.#emit = emit;
    this.#removals = new TokenRemovals(servers, keys);
    this.owed = new OwedTokens(keys.tokens(EPOCH), (key) => isWitness(keys.tagOf(key)));
    this.#catchUp = new OutboxCatchUp(outbox, servers, this.#removals);
  }

  async invalidate(hard: readonly string[], soft: readonly string[], budgetMs: number): Promise<void> {
    const waves = this.#removals.waves(hard, soft);
    let failure: Error | undefined;
    for (const wave of waves) {
      // What goes before its witness must go again after it.
      const isTooEarly = failure !== undefined;
      await Promise.all(
        wave.map(async (removal) => {
          try {
            await this.#servers.insist(removal.server, budgetMs / waves.length, (session) =>
              this.#removals.send(session, removal),
            );
            if (isTooEarly) this.owed.add([...removal.hard, ...removal.soft]);
          } catch (error) {
            failure = error as Error;
            this.owed.add([...removal.hard, ...removal.soft]);
          }
        }),
      );
    }
    if (failure) throw failure;
  }

  /**
   * Pays what is owed to this server; first, on a new connection, it is seen whether it may invalidate there, and where no
   * other is in use beside it, what others have left in the outbox is relayed.
   */
  async beforeUse(session: RedisSession, server: string, arrival: Arrival): Promise<void> {
    const removeEpoch = () => this.#removeEpoch(session, server);
    if (arrival !== 'known') await this.#removals.sendNothing(session);
    // What this process has lately taken away on the server that it left, nobody has taken away here.
    if (arrival === 'moved') await removeEpoch();
    if (arrival === 'new' || arrival === 'moved') await this.#catchUp.beforeUse(session, server, removeEpoch);
    await this.#payTo(session, server);
  }

  /**
   * Has the outbox relayed where it could not be when Redis came into use, for its database was not there yet. Done once, as
   * soon as it can be asked; reads wait for it.
   *
   * @returns when that is done; `undefined` where there is nothing to wait for. Never rejects
   */
  relayOutboxLate(): Promise<void> | undefined {
    return this.#catchUp.relayLate(() => this.#removeEpochEverywhere());
  }

  /** Pays what is owed, as far as there is anybody to take it: nothing is known of it when the process has ended. */
  async payOwed(budgetMs: number): Promise<void> {
    // Once more, for what had to wait for the witnesses of another server.
    for (let round = 0; round < 2 && !this.owed.isNone; round++) await this.#payEverywhere(budgetMs);
  }

  async #payEverywhere(budgetMs: number): Promise<void> {
    const payments = this.#servers.names.map((server) =>
      this.#servers.insist(server, budgetMs, (session) => this.#payTo(session, server)),
    );
    await Promise.allSettled(payments);
  }

  async #payTo(session: RedisSession, server: string): Promise<void> {
    const count = await this.owed.pay(
      (key) => this.#servers.nameOf(key) === server,
      (keys) => this.#removeHere(session, keys),
    );
    if (count > 0) this.#emit({ event: 'cache.invalidated_late', count });
  }

  async #removeEpoch(session: RedisSession, server: string): Promise<void> {
    const here = this.#keys.tokens(EPOCH).filter((key) => this.#servers.nameOf(key) === server);
    this.owed.add(await this.#removeHere(session, here));
  }

  async #removeEpochEverywhere(): Promise<void> {
    this.owed.add(this.#keys.tokens(EPOCH));
    await this.#payEverywhere(CATCH_UP_BUDGET_MS);
  }

  /** @returns what is not here any more while its slot is on the move: who has it in the end is paid */
  async #removeHere(session: RedisSession, keys: readonly string[]): Promise<readonly string[]> {
    const elsewhere: string[] = [];
    const removals = inCommands(this.#servers, keys).map(async (hard) => {
      try {
        await this.#removals.send(session, { hard, soft: [] });
      } catch (error) {
        if (failureReason(error) !== 'ASK') throw error;
        elsewhere.push(...hard);
      }
    });
    await Promise.all(removals);
    return elsewhere;
  }
}
