import { pause, systemClock } from '../engine/clock.js';
import { byHardness, EPOCH, isWitness, witnessesOf } from '../engine/tags.js';
import type { Outbox } from '../outbox/outbox.js';
import { ABANDONED_AFTER_MS } from '../outbox/outbox-relay.js';
import { withDeadline } from '../redis/deadline.js';
import { failureReason } from '../redis/failure-reason.js';
import type { EmitRedisEvent } from '../redis/redis-events.js';
import type { RedisSession } from '../redis/redis-session.js';
import { inCommands, type Arrival, type RedisServers } from '../redis/redis-servers.js';
import { OwedTokens } from './owed-tokens.js';
import type { RedisKeys } from './redis-keys.js';
import { TokenCuts, type Cut } from './token-cuts.js';

/** What the outbox may take before a new connection is used; after it the epoch goes. */
const OUTBOX_BUDGET_MS = 1000;
/** How often it is asked whether those who are at work on what is owed have paid it. */
const HELD_POLL_MS = 20;

/**
 * Takes tokens away, and keeps account of what Redis did not confirm: that is owed, hard also where it was soft, and
 * nobody in this process reads these tokens before it is paid.
 */
export class RedisInvalidations {
  readonly #servers: RedisServers;
  readonly #keys: RedisKeys;
  readonly #emit: EmitRedisEvent;
  readonly #outbox: Outbox | undefined;
  readonly #cuts: TokenCuts;
  readonly #owed: OwedTokens;
  /** Whether a server is in use about which the outbox could not be asked, for its database was not there yet. */
  #isUnasked = false;
  #asking: Promise<void> | undefined;

  /** @param outbox holds what other processes owe; it is paid before a new connection is read from */
  constructor(servers: RedisServers, keys: RedisKeys, emit: EmitRedisEvent, outbox: Outbox | undefined) {
    this.#servers = servers;
    this.#keys = keys;
    this.#emit = emit;
    this.#outbox = outbox;
    this.#cuts = new TokenCuts(servers, keys);
    this.#owed = new OwedTokens(keys.tokens(EPOCH), (key) => isWitness(keys.tagOf(key)));
  }

  get isEverythingOwed(): boolean {
    return this.#owed.isEverything;
  }

  get isNothingOwed(): boolean {
    return this.#owed.isNone;
  }

  /**
   * Has the outbox relayed where it could not be when Redis came into use, for its database was not there yet. Done once, as
   * soon as it can be asked; reads wait for it.
   *
   * @returns when that is done; `undefined` where there is nothing to wait for. Never rejects
   */
  payLate(): Promise<void> | undefined {
    if (!this.#isUnasked || !this.#outbox?.isReady) return undefined;
    return (this.#asking ??= this.#askLate(this.#outbox));
  }

  isOwed(keys: readonly string[]): boolean {
    return this.#owed.isAny(keys);
  }

  async invalidate(hard: readonly string[], soft: readonly string[], budgetMs: number): Promise<void> {
    const waves = this.#cuts.waves(hard, soft);
    let failure: Error | undefined;
    for (const wave of waves) {
      // What goes before its witness must go again after it.
      const isTooEarly = failure !== undefined;
      await Promise.all(
        wave.map(async (cut) => {
          try {
            await this.#servers.write(cut.server, budgetMs / waves.length, (session) =>
              this.#cuts.send(session, cut),
            );
            if (isTooEarly) this.#owed.add([...cut.hard, ...cut.soft]);
          } catch (error) {
            failure = error as Error;
            this.#owed.add([...cut.hard, ...cut.soft]);
          }
        }),
      );
    }
    if (failure) throw failure;
  }

  /** Pays what is owed to this server; on a new connection first what others owe. */
  async beforeUse(session: RedisSession, server: string, arrival: Arrival): Promise<void> {
    // What this process has lately taken away on the server that it left, nobody has taken away here.
    if (arrival === 'moved') await this.#cutEpoch(session, server);
    if (arrival !== 'known') await this.#payForOthers(session, server);
    await this.#payOwn(session, server);
  }

  /** Pays what is owed, as far as there is anybody to take it: nothing is known of it when the process has ended. */
  async payOwed(budgetMs: number): Promise<void> {
    // Once more, for what had to wait for the witnesses of another server.
    for (let round = 0; round < 2 && !this.#owed.isNone; round++) await this.#payEverywhere(budgetMs);
  }

  async #payEverywhere(budgetMs: number): Promise<void> {
    const payments = this.#servers.names.map((server) =>
      this.#servers.write(server, budgetMs, (session) => this.#payOwn(session, server)),
    );
    await Promise.allSettled(payments);
  }

  async #payOwn(session: RedisSession, server: string): Promise<void> {
    const count = await this.#owed.pay(
      (key) => this.#servers.nameOf(key) === server,
      (keys) => this.#payHere(session, keys),
    );
    if (count > 0) this.#emit({ event: 'cache.invalidated_late', count });
  }

  /** @returns what is not here any more while its slot is on the move: who has it in the end is paid */
  async #payHere(session: RedisSession, keys: readonly string[]): Promise<readonly string[]> {
    const elsewhere: string[] = [];
    const cuts = inCommands(this.#servers, keys).map(async (hard) => {
      try {
        await this.#cuts.send(session, { hard, soft: [] });
      } catch (error) {
        if (failureReason(error) !== 'ASK') throw error;
        elsewhere.push(...hard);
      }
    });
    await Promise.all(cuts);
    return elsewhere;
  }

  async #payForOthers(session: RedisSession, server: string): Promise<void> {
    if (!this.#outbox) return;
    // Before the database is there, nothing that depends on it is answered either.
    if (!this.#outbox.isReady) {
      this.#isUnasked = true;
      return;
    }
    try {
      await this.#relayAll(this.#outbox, (cut) => this.#cutThrough(session, server, cut));
    } catch {
      await this.#cutEpoch(session, server);
    }
  }

  async #askLate(outbox: Outbox): Promise<void> {
    try {
      await this.#relayAll(outbox, (cut) => this.#cutThere(cut));
    } catch {
      this.#owed.add(this.#keys.tokens(EPOCH));
      await this.#payEverywhere(OUTBOX_BUDGET_MS);
    } finally {
      this.#isUnasked = false;
      this.#asking = undefined;
    }
  }

  /** @throws what `send` throws, and where it takes longer than 1 s */
  async #relayAll(outbox: Outbox, send: (cut: Cut) => Promise<void>): Promise<void> {
    const pay = async (intent: readonly string[]) => {
      const { hard, soft } = byHardness(intent);
      const tags = [...hard, ...soft];
      for (const wave of this.#cuts.waves([...witnessesOf(tags), ...tags], [])) {
        await Promise.all(wave.map(send));
      }
      return true;
    };
    let isOver = false;
    const payAll = async () => {
      for (let paid: number | 'held' = 1; paid !== 0 && !isOver;) {
        paid = await outbox.relay(ABANDONED_AFTER_MS, pay);
        if (paid === 'held') await pause(systemClock, HELD_POLL_MS);
      }
    };
    try {
      await withDeadline(OUTBOX_BUDGET_MS, payAll());
    } finally {
      isOver = true;
    }
  }

  async #cutEpoch(session: RedisSession, server: string): Promise<void> {
    const here = this.#keys.tokens(EPOCH).filter((key) => this.#servers.nameOf(key) === server);
    this.#owed.add(await this.#payHere(session, here));
  }

  /** @param session what is new, and so cannot be asked for by name yet */
  #cutThrough(session: RedisSession, server: string, cut: Cut): Promise<void> {
    // A server that falls silent here must not keep the rows from everybody else's relays.
    if (cut.server === server) return withDeadline(OUTBOX_BUDGET_MS, this.#cuts.send(session, cut));
    return this.#cutThere(cut);
  }

  #cutThere(cut: Cut): Promise<void> {
    return this.#servers.write(cut.server, OUTBOX_BUDGET_MS, (session) => this.#cuts.send(session, cut));
  }
}
