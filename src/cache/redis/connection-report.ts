import type { BreakerState } from './circuit-breaker.js';
import { isRefusal } from './failure-reason.js';
import type { EmitRedisEvent } from './redis-events.js';

/** Makes events of what happens to the connections, one for each change. `server` is named only where there are several. */
export class ConnectionReport {
  readonly #emit: EmitRedisEvent;
  readonly #isUp = new Map<string | undefined, boolean>();
  /** What it is told of already. */
  readonly #toldRefusals = new Set<string | undefined>();
  /** Those of which the last attempt was refused. */
  readonly #refusing = new Set<string | undefined>();

  constructor(emit: EmitRedisEvent, url: string) {
    this.#emit = emit;
    emit({ event: 'cache.init', url });
    emit({ event: 'cache.connecting' });
  }

  get isRefused(): boolean {
    return this.#refusing.size > 0;
  }

  /** Where there are several, whoever asked which was let in. */
  tableRead(): void {
    this.#refusing.delete(undefined);
  }

  up(server?: string): void {
    this.#refusing.delete(server);
    if (this.#isUp.get(server) === true) return;
    const isFirst = !this.#isAnyUp;
    this.#toldRefusals.delete(server);
    this.#isUp.set(server, true);
    this.#emit({ event: 'cache.connected', ...named(server) });
    if (isFirst) this.#emit({ event: 'cache.ready' });
  }

  down(reason: string, attempt: number, delayMs: number, server?: string): void {
    const wasUp = this.#isUp.get(server);
    if (isRefusal(reason)) this.#refusing.add(server);
    else this.#refusing.delete(server);
    const isNewRefusal = isRefusal(reason) && !this.#toldRefusals.has(server);
    if (isNewRefusal) this.#toldRefusals.add(server);
    if (wasUp === false) {
      // A server that was lost first and then does not let us in again needs somebody to do something.
      if (isNewRefusal) this.#emit({ event: 'cache.connect_failed', reason, ...named(server) });
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

  /** It does not belong to the cluster any more. */
  forget(server: string): void {
    this.#isUp.delete(server);
    this.#toldRefusals.delete(server);
    this.#refusing.delete(server);
  }

  closed(): void {
    this.#emit({ event: 'cache.disconnected' });
  }

  get #isAnyUp(): boolean {
    return [...this.#isUp.values()].includes(true);
  }
}

function named(server: string | undefined): { server?: string } {
  return server === undefined ? {} : { server };
}
