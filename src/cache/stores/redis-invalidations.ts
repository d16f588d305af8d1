import { pause, systemClock } from '../engine/clock.js';
import { byHardness, EPOCH, witnessesOf, isWitness, softTag } from '../engine/tags.js';
import { newHalf } from '../engine/tokens.js';
import type { Outbox } from '../outbox/outbox.js';
import { ABANDONED_AFTER_MS } from '../outbox/outbox-relay.js';
import { withDeadline } from '../redis/deadline.js';
import { failureReason } from '../redis/failure-reason.js';
import type { EmitRedisEvent } from '../redis/redis-events.js';
import type { RedisSession } from '../redis/redis-session.js';
import { inCommands, type Arrival, type RedisServers } from '../redis/redis-servers.js';
import { OwedTokens } from './owed-tokens.js';
import type { RedisKeys } from './redis-keys.js';
import { SOFTEN } from './redis-scripts.js';

/** What the outbox may take before a new connection is used; after it the epoch goes. */
const OUTBOX_BUDGET_MS = 1000;
/** How often it is asked whether those who are at work on what is owed have paid it. */
const HELD_POLL_MS = 20;

/** What goes away on one server, as keys. */
interface Cut {
  readonly server: string;
  readonly hard: string[];
  readonly soft: string[];
}

/**
 * Takes tokens away, and keeps account of what Redis did not confirm: that is owed, hard also where it was soft, and
 * nobody in this process reads these tokens before it is paid.
 */
export class RedisInvalidations {
  readonly #servers: RedisServers;
  readonly #keys: RedisKeys;
  readonly #emit: EmitRedisEvent;
  readonly #outbox: Outbox | undefined;
  readonly #owed: OwedTokens;

  /** @param outbox holds what other processes owe; it is paid before a new connection is read from */
  constructor(servers: RedisServers, keys: RedisKeys, emit: EmitRedisEvent, outbox: Outbox | undefined) {
    this.#servers = servers;
    this.#keys = keys;
    this.#emit = emit;
    this.#outbox = outbox;
    this.#owed = new OwedTokens(keys.tokens(EPOCH), (key) => isWitness(keys.tagOf(key)));
  }

  get isEverythingOwed(): boolean {
    return this.#owed.isEverything;
  }

  get isNothingOwed(): boolean {
    return this.#owed.isNone;
  }

  isOwed(keys: readonly string[]): boolean {
    return this.#owed.isAny(keys);
  }

  async invalidate(hard: readonly string[], soft: readonly string[], budgetMs: number): Promise<void> {
    const waves = this.#waves(hard, soft);
    let failure: Error | undefined;
    for (const wave of waves) {
      // What goes before its witness must go again after it.
      const isTooEarly = failure !== undefined;
      await Promise.all(
        wave.map(async (cut) => {
          try {
            await this.#servers.write(cut.server, budgetMs / waves.length, (session) =>
              this.#cut(session, cut),
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
      (keys) => this.#payHere(session, server, keys),
    );
    if (count > 0) this.#emit({ event: 'cache.invalidated_late', count });
  }

  /** @returns what is not here any more while its slot is on the move: who has it in the end is paid */
  async #payHere(session: RedisSession, server: string, keys: readonly string[]): Promise<readonly string[]> {
    const elsewhere: string[] = [];
    const cuts = inCommands(this.#servers, keys).map(async (hard) => {
      try {
        await this.#cut(session, { server, hard, soft: [] });
      } catch (error) {
        if (failureReason(error) !== 'ASK') throw error;
        elsewhere.push(...hard);
      }
    });
    await Promise.all(cuts);
    return elsewhere;
  }

  async #payForOthers(session: RedisSession, server: string): Promise<void> {
    // Before the database is there, nothing that depends on it is answered either.
    if (!this.#outbox?.isReady) return;
    const outbox = this.#outbox;
    const pay = async (intent: readonly string[]) => {
      const { hard, soft } = byHardness(intent);
      const tags = [...hard, ...soft];
      for (const wave of this.#waves([...witnessesOf(tags), ...tags], [])) {
        await Promise.all(wave.map((cut) => this.#cutThrough(session, server, cut)));
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
    } catch {
      await this.#cutEpoch(session, server);
    } finally {
      isOver = true;
    }
  }

  async #cutEpoch(session: RedisSession, server: string): Promise<void> {
    const here = this.#keys.tokens(EPOCH).filter((key) => this.#servers.nameOf(key) === server);
    this.#owed.add(await this.#payHere(session, server, here));
  }

  /** @param session what is new, and so cannot be asked for by name yet */
  #cutThrough(session: RedisSession, server: string, cut: Cut): Promise<void> {
    // A server that falls silent here must not keep the rows from everybody else's relays.
    if (cut.server === server) return withDeadline(OUTBOX_BUDGET_MS, this.#cut(session, cut));
    return this.#servers.write(cut.server, OUTBOX_BUDGET_MS, (other) => this.#cut(other, cut));
  }

  /**
   * What goes to which server at once, and what only after that. One server takes everything in the order in which it
   * comes; several do not wait for each other, so there all witnesses have to be gone before the rest goes.
   */
  #waves(hard: readonly string[], soft: readonly string[]): Cut[][] {
    if (!this.#servers.isCluster) return [this.#cuts(hard, soft)];
    const isOther = (tag: string) => !isWitness(tag);
    return [
      this.#cuts(hard.filter(isWitness), soft.filter(isWitness)),
      this.#cuts(hard.filter(isOther), soft.filter(isOther)),
    ];
  }

  #cuts(hard: readonly string[], soft: readonly string[]): Cut[] {
    const cuts = new Map<string, Cut>();
    const cutOf = (key: string) => {
      const server = this.#servers.nameOf(key);
      const cut = cuts.get(server) ?? { server, hard: [], soft: [] };
      cuts.set(server, cut);
      return cut;
    };
    for (const key of hard.flatMap((tag) => this.#keys.tokens(tag))) cutOf(key).hard.push(key);
    for (const key of soft.flatMap((tag) => this.#keys.tokens(tag))) cutOf(key).soft.push(key);
    return [...cuts.values()];
  }

  // Taking a token away is as good as replacing it, for a missing token is a miss; and a full server still does it.
  async #cut({ client }: RedisSession, { hard, soft }: Cut): Promise<void> {
    const taken = inCommands(this.#servers, hard).map((keys) => client.del(keys));
    const half = newHalf();
    const softened = inCommands(this.#servers, soft).map((keys) =>
      client.eval(SOFTEN, { keys, arguments: [half] }),
    );
    const told = this.#servers.isCluster
      ? undefined
      : client.publish(this.#keys.channel, this.#message(hard, soft));
    await Promise.all([...taken, ...softened, told]);
  }

  #message(hard: readonly string[], soft: readonly string[]): string {
    const tagOf = (key: string) => this.#keys.tagOf(key);
    return JSON.stringify([...hard.map(tagOf), ...soft.map(tagOf).map(softTag)]);
  }
}
