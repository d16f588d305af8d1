import { CacheError } from '../engine/cache-errors.js';
import { BreakablePause } from './breakable-pause.js';
import { CircuitBreaker, type BreakerState } from './circuit-breaker.js';
import type { ConnectionOptions } from './connection-options.js';
import { whenDone, whenOverdue, withDeadline } from './deadline.js';
import { failureReason, isRefusal } from './failure-reason.js';
import { destroy, newClient, type RedisClient } from './redis-client.js';
import { heartbeat, openSession, type RedisCommand, type RedisSession } from './redis-session.js';

/** On a new connection; it may have to ask others, such as a database, which have limits of their own. */
const BEFORE_USE_TIMEOUT_MS = 5000;
/** However soon another is let in: those that a server drops at once must not wake each other again and again without a pause. */
const LEAST_PAUSE_MS = 50;
/** Replies that say another server should be asked: this one is a replica, still loading, or cut off. */
const WRONG_SERVER = /^(READONLY|LOADING|MASTERDOWN)$/;

/**
 * One connection and its whole life: locate, open, identify, serve, watch, lose, pause, again, until closed. It never
 * gives up.
 *
 * The client's own reconnection is off: it does not notice a server that stopped answering, and its queue would carry
 * old writes over the gap.
 */
export class RedisConnection {
  readonly #options: ConnectionOptions;
  readonly #breaker: CircuitBreaker;
  readonly #pause = new BreakablePause();
  readonly #life: Promise<void>;
  #session: RedisSession | undefined;
  #reached: RedisSession | undefined;
  #isSentAway = false;
  #newest: RedisClient | undefined;
  #isNudged = false;
  #giveUpOpening: () => void = () => undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#breaker = new CircuitBreaker((state) => options.onBreaker?.(state));
    this.#life = this.#live();
  }

  get isReady(): boolean {
    return this.session !== undefined && this.#breaker.allows;
  }

  /** Whether it is open, and trusted or no more than doubted. */
  get mayAnswer(): boolean {
    return this.session !== undefined && this.#breaker.state !== 'open';
  }

  get breaker(): BreakerState {
    return this.#breaker.state;
  }

  /** What is open at present, trusted or not. */
  get session(): RedisSession | undefined {
    return this.#session?.client.isReady ? this.#session : undefined;
  }

  /** What is open, be it not ready for use yet. */
  get reached(): RedisSession | undefined {
    return this.#reached?.client.isReady ? this.#reached : undefined;
  }

  /**
   * @param elsewhere  the answer to the same question by another connection, which will do as well: it says nothing of this one
   * @throws {CacheError} `CACHE_STORE_UNAVAILABLE`: no connection, no answer within `budgetMs`, or an error reply
   */
  async run<T>(budgetMs: number, command: RedisCommand<T>, elsewhere?: Promise<T>): Promise<T> {
    const session = this.#session;
    if (!session || !this.mayAnswer) throw new CacheError('CACHE_STORE_UNAVAILABLE', 'disconnected');
    const { slowMs } = this.#options.timings;
    let [isSlow, isOthers] = [false, false];
    const stop = budgetMs > slowMs ? whenOverdue(slowMs, () => (isSlow = true)) : undefined;
    try {
      const own = command(session);
      const others = elsewhere && whenDone(elsewhere, () => (isOthers = true));
      const answer = await withDeadline(budgetMs, others ? Promise.race([own, others]) : own);
      if (!isOthers) this.#breaker.answered(isSlow);
      return answer;
    } catch (error) {
      const reason = failureReason(error);
      if (reason === 'timeout') this.#breaker.timedOut(budgetMs > slowMs / 4);
      else if (session.client.isReady) this.#breaker.answered(isSlow);
      if (WRONG_SERVER.test(reason)) destroy(session.client);
      throw new CacheError('CACHE_STORE_UNAVAILABLE', reason, { cause: error });
    } finally {
      stop?.();
      // The next heartbeat decides, so it goes out at once.
      if (this.#session === session && !this.#breaker.allows) this.#nudge();
    }
  }

  /** It is silent: nobody is to ask it before it has answered somebody, or the heartbeat that goes out at once. */
  doubt(): void {
    this.#breaker.doubt();
    if (this.#session) this.#nudge();
  }

  /** Gives this connection up, to locate the server anew. */
  leave(): void {
    if (!this.#reached) return;
    this.#isSentAway = true;
    destroy(this.#reached.client);
  }

  async close(): Promise<void> {
    this.#pause.close();
    this.#giveUpOpening();
    // A heartbeat that it waits for fails at once.
    if (this.#newest) destroy(this.#newest);
    await this.#life;
  }

  async #live(): Promise<void> {
    const { paceWhenRefused, paceWhenAway, onReady } = this.#options;
    let attempt = 0;
    while (!this.#pause.isClosed()) {
      attempt++;
      let reason = 'disconnected';
      try {
        const session = await this.#openUnlessClosed();
        attempt = 0;
        this.#session = session;
        this.#breaker.probed();
        paceWhenRefused.letIn();
        paceWhenAway.letIn();
        onReady(session);
        await this.#watch(session);
      } catch (error) {
        reason = failureReason(error);
      }
      if (this.#session) destroy(this.#session.client);
      this.#session = undefined;
      if (this.#pause.isClosed()) return;
      this.#breaker.broke();
      await this.#backOff(reason, attempt);
    }
  }

  async #backOff(reason: string, attempt: number): Promise<void> {
    const { paceWhenRefused, paceWhenAway, clock, onLost } = this.#options;
    const pace = isRefusal(reason) ? paceWhenRefused : paceWhenAway;
    const delayMs = pace.nextTurnMs();
    const lostAtMs = clock.monotonicMs();
    onLost(reason, attempt + 1, delayMs);
    this.#isNudged = false;
    // Two that send each other away shall not do so without a pause.
    const stopWaiting = this.#isSentAway
      ? undefined
      : pace.whenLetIn(() => {
          this.#nudge();
        });
    this.#isSentAway = false;
    await this.#rest(delayMs);
    stopWaiting?.();
    await this.#pause.for(LEAST_PAUSE_MS - (clock.monotonicMs() - lostAtMs));
  }

  /** Locating the server, the network, and what must be true before use may each take seconds. */
  #openUnlessClosed(): Promise<RedisSession> {
    const closed = new Promise<never>((_, reject) => {
      this.#giveUpOpening = () => {
        reject(new CacheError('CACHE_STORE_UNAVAILABLE', 'disconnected'));
      };
    });
    return Promise.race([this.#open(), closed]);
  }

  async #open(): Promise<RedisSession> {
    const { timings, clock, locate, beforeUse } = this.#options;
    const { connectTimeoutMs } = timings;
    const address = await locate();
    if (this.#pause.isClosed()) throw new CacheError('CACHE_STORE_UNAVAILABLE', 'disconnected');
    const client = newClient(address, connectTimeoutMs);
    this.#newest = client;
    const onGone = () => {
      if (this.#session?.client === client) this.#nudge();
    };
    client.on('error', onGone);
    client.on('end', onGone);
    try {
      const session = await openSession(client, address, clock, connectTimeoutMs);
      this.#reached = session;
      await withDeadline(BEFORE_USE_TIMEOUT_MS, beforeUse(session, true));
      return session;
    } catch (error) {
      destroy(client);
      throw error;
    }
  }

  /** Returns when the connection is lost or is to be closed. */
  async #watch(session: RedisSession): Promise<void> {
    const { timings, clock, beforeUse, onHeartbeat } = this.#options;
    while (!this.#pause.isClosed() && session.client.isReady) {
      const sentAtMs = clock.monotonicMs();
      const isInTime = await heartbeat(session, timings, () => {
        this.#breaker.broke();
      });
      onHeartbeat?.(session, sentAtMs);
      await withDeadline(timings.silenceLimitMs, beforeUse(session, false));
      // Only now: what must be true before an answer is trusted is true.
      if (isInTime) this.#breaker.probed();
      await this.#rest(Math.min(timings.heartbeatMs, timings.silenceLimitMs / 2));
    }
  }

  /** Ends the pause between two heartbeats, or leaves out the next one. */
  #nudge(): void {
    this.#isNudged = true;
    this.#pause.end();
  }

  async #rest(ms: number): Promise<void> {
    if (!this.#isNudged) await this.#pause.for(ms);
    this.#isNudged = false;
  }
}
