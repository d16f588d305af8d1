import type { Clock } from '../engine/clock.js';
import { News } from '../engine/news.js';
import type { BreakerState } from './circuit-breaker.js';
import { isRefusal } from './failure-reason.js';
import type { EmitRedisEvent } from './redis-events.js';

/**
 * Emits events about the connections: one for each change, and while a server is away each reason once a minute. `server`
 * is named only on a cluster.
 */
export class ConnectionReport {
  readonly #emit: EmitRedisEvent;
  readonly #clock: Clock;
  readonly #isUp = new Map<string | undefined, boolean>();
  /** The reasons that were told, of servers that are away. */
  readonly #told = new Map<string | undefined, News>();
  /** Why servers are away, the latest last. */
  readonly #whyAway = new Map<string | undefined, string>();

  constructor(emit: EmitRedisEvent, url: string, clock: Clock) {
    this.#emit = emit;
    this.#clock = clock;
    emit({ event: 'cache.init', url });
    emit({ event: 'cache.connecting' });
  }

  get isRefused(): boolean {
    return [...this.#whyAway.values()].some(isRefusal);
  }

  /** Why the last attempt to reach a server that is away failed; `undefined` if none is. */
  get whyAway(): string | undefined {
    return [...this.#whyAway.values()].at(-1);
  }

  /** The table of a cluster was read, so a node has let us in, and each slot is served. */
  tableRead(): void {
    this.#whyAway.delete(undefined);
  }

  up(server?: string): void {
    this.#whyAway.delete(server);
    if (this.#isUp.get(server) === true) return;
    const isFirst = !this.#isAnyUp;
    this.#told.delete(server);
    this.#isUp.set(server, true);
    this.#emit({ event: 'cache.connected', ...named(server) });
    if (isFirst) this.#emit({ event: 'cache.ready' });
  }

  down(reason: string, attempt: number, delayMs: number, server?: string): void {
    const wasUp = this.#isUp.get(server);
    this.#whyAway.delete(server);
    this.#whyAway.set(server, reason);
    const isNew = this.#newsOf(server).isNew(reason);
    if (wasUp === false) {
      // What keeps it away may differ from what took it away, and may be something that a person has to mend.
      if (isNew) this.#emit({ event: 'cache.connect_failed', reason, ...named(server) });
      return;
    }
    this.#isUp.set(server, false);
    if (wasUp) this.#emit({ event: 'cache.reconnecting', attempt, delayMs, reason, ...named(server) });
    else this.#emit({ event: 'cache.connect_failed', reason, ...named(server) });
    if (!this.#isAnyUp) this.#emit({ event: 'cache.disabled' });
  }

  breaker(state: BreakerState, server?: string): void {
    this.#emit({ event: 'cache.breaker', state, ...named(server) });
  }

  /** The server no longer belongs to the cluster. */
  forget(server: string): void {
    this.#isUp.delete(server);
    this.#told.delete(server);
    this.#whyAway.delete(server);
  }

  closed(): void {
    this.#emit({ event: 'cache.disconnected' });
  }

  #newsOf(server: string | undefined): News {
    const news = this.#told.get(server) ?? new News(this.#clock);
    this.#told.set(server, news);
    return news;
  }

  get #isAnyUp(): boolean {
    return [...this.#isUp.values()].includes(true);
  }
}

function named(server: string | undefined): { server?: string } {
  return server === undefined ? {} : { server };
}
