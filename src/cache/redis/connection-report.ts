import type { BreakerState } from './circuit-breaker.js';
import type { EmitRedisEvent } from './redis-events.js';

/** Replies of a server that does not take our password, or does not allow what we need. */
const REFUSED = /^(WRONGPASS|NOAUTH|NOPERM)$/;

/** Makes events of what happens to the connections, one for each change. `server` is named only where there are several. */
export class ConnectionReport {
  readonly #emit: EmitRedisEvent;
  readonly #isUp = new Map<string | undefined, boolean>();
  readonly #isRefused = new Set<string | undefined>();

  constructor(emit: EmitRedisEvent, url: string) {
    this.#emit = emit;
    emit({ event: 'cache.init', url });
    emit({ event: 'cache.connecting' });
  }

  up(server?: string): void {
    if (this.#isUp.get(server) === true) return;
    const isFirst = !this.#isAnyUp;
    this.#isRefused.delete(server);
    this.#isUp.set(server, true);
    this.#emit({ event: 'cache.connected', ...named(server) });
    if (isFirst) this.#emit({ event: 'cache.ready' });
  }

  down(reason: string, attempt: number, delayMs: number, server?: string): void {
    const wasUp = this.#isUp.get(server);
    const isRefusal = REFUSED.test(reason) && !this.#isRefused.has(server);
    if (isRefusal) this.#isRefused.add(server);
    if (wasUp === false) {
      // A server that was lost first and then does not let us in again needs somebody to do something.
      if (isRefusal) this.#emit({ event: 'cache.connect_failed', reason, ...named(server) });
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
    this.#isRefused.delete(server);
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
