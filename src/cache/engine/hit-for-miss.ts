import { BoundedMap } from './bounded-map.js';
import type { Clock } from './clock.js';
import type { NotStored, Produced } from './factory.js';
import type { Subject } from './subject.js';

/** How long after an answer that was not to be kept the next one is expected not to be either, ms. */
const REMEMBERED_MS = 60_000;
/** The most that are remembered at a time. Forgetting one costs the wait for a run of another process. */
const MAX_REMEMBERED = 10_000;
/** Reasons that say nothing of the next run. */
const PASSING: ReadonlySet<NotStored> = new Set(['stale-inside', 'in-transaction']);

/**
 * Remembers which keys lately gave answers that are not kept. If processes shared runs of such a key by a lease, each would
 * wait for another's run, get nothing from it, and then run the method itself: one after the other. So for a while each
 * runs it at once. A process knows only of its own runs.
 *
 * @see "hit-for-miss" in Varnish, https://varnish-cache.org/docs/trunk/users-guide/increasing-your-hitrate.html
 */
export class HitForMiss {
  readonly #untilMs = new BoundedMap<number>(MAX_REMEMBERED);

  constructor(private readonly clock: Clock) {}

  /** Notes what a shared run gave. One that threw says nothing. */
  note(subject: Subject, { entry, isRefused, notStoredBecause: why }: Produced<unknown>): void {
    if (entry) this.#untilMs.delete(subject.shortKeyText);
    else if (!isRefused && !(why && PASSING.has(why))) this.remember(subject);
  }

  /** Also called for an answer that was to be kept, but that the store will never take, such as one that is too large. */
  remember({ shortKeyText }: Subject): void {
    this.#untilMs.set(shortKeyText, this.clock.monotonicMs() + REMEMBERED_MS);
  }

  /** Whether this process runs it without a lease: it waits for no other process, and none waits for it. */
  appliesTo({ shortKeyText }: Subject): boolean {
    return this.clock.monotonicMs() < (this.#untilMs.get(shortKeyText) ?? -Infinity);
  }
}
