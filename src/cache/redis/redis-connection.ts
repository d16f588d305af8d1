import { CacheError } from '../engine/cache-errors.js';
import { BreakablePause } from './breakable-pause.js';
import { CircuitBreaker, type BreakerState } from './circuit-breaker.js';
import type { ConnectionOptions } from './connection-options.js';
import { whenDone, whenOverdue, withDeadline } from './deadline.js';
import { failureReason, isRefusal } from './failure-reason.js';
import { destroy, newClient, type RedisClient } from './redis-client.js';
import { heartbeat, openSession, type RedisCommand, type RedisSession } from './redis-session.js';

/** For a new connection. Longer than other limits: it may have to ask a database, which has limits of its own. */
const BEFORE_USE_TIMEOUT_MS = 5000;
/** Also when another is let in sooner: connections that a server drops at once must not wake each other without a pause. */
const LEAST_PAUSE_MS = 50;
/** Replies of a server that should not be asked: a replica, one that is still loading, or one cut off from its master. */
const WRONG_SERVER = /^(READONLY|LOADING|MASTERDOWN)$/;

/**
 * One connection and its whole life: locate, open, identify, serve, watch, lose, pause, and again until it is closed. It
 * never gives up.
 *
 * The client's own reconnection is off: it does not notice a server that has stopped answering, and its queue would send
 * old writes after the gap.
 */
export class RedisConnection {
  readonly #options: ConnectionOptions;
  readonly #breaker: CircuitBreaker;
  readonly #pause = new BreakablePause();
  readonly #life: Promise<void>;
  /** In use. */
  #session: RedisSession | undefined;
  /** The last that was opened: it may still be made ready for use, or be lost. */
  #reached: RedisSession | undefined;
  /** Whether it was left by {@link leave}, and not lost. */
  #isSentAway = false;
  /** The client of the last attempt. */
  #newest: RedisClient | undefined;
  /** Whether the next pause is left out. */
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

  /** Whether it is open and its breaker is not: it may be doubted. */
  get mayAnswer(): boolean {
    return this.session !== undefined && this.#breaker.state !== 'open';
  }

  get breaker(): BreakerState {
    return this.#breaker.state;
  }

  /** The open session, trusted or not. */
  get session(): RedisSession | undefined {
    return this.#session?.client.isReady ? this.#session : undefined;
  }

  /** The open session, also before it is ready for use. */
  get reached(): RedisSession | undefined {
    return this.#reached?.client.isReady ? this.#reached : undefined;
  }

  /**
   * @param elsewhere  the same question to another connection. Its answer will do as well, but does not count for this one
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
      // Whether to go on asking is up to the next heartbeat, so it is sent at once.
      if (this.#session === session && !this.#breaker.allows) this.#nudge();
    }
  }

  /** It is silent: it is not asked again before it answers a call under way, or the heartbeat that is sent at once. */
  doubt(): void {
    this.#breaker.doubt();
    if (this.#session) this.#nudge();
  }

  /** Gives this connection up, to locate the server again. */
  leave(): void {
    if (!this.#reached) return;
    this.#isSentAway = true;
    destroy(this.#reached.client);
  }

  async close(): Promise<void> {
    this.#pause.close();
    this.#giveUpOpening();
    // It may be waiting for a heartbeat, which fails by this.
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
    // Two connections that send each other away must not do so without a pause.
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

  /** Opens a session; closing ends that at once, since each of its steps may take seconds. */
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
      // Not before `beforeUse`: only after it may answers be trusted.
      if (isInTime) this.#breaker.probed();
      await this.#rest(Math.min(timings.heartbeatMs, timings.silenceLimitMs / 2));
    }
  }

  /** Ends the present pause, or leaves out the next one. */
  #nudge(): void {
    this.#isNudged = true;
    this.#pause.end();
  }

  async #rest(ms: number): Promise<void> {
    if (!this.#isNudged) await this.#pause.for(ms);
    this.#isNudged = false;
  }
}
