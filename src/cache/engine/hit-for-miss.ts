import type { Clock } from './clock.js';
import { putNewest } from './put-newest.js';
import type { NotStored, Produced } from './factory.js';
import type { Subject } from './subject.js';

/** For how long after an answer that was not to be kept the next is expected to be like it, ms. */
const REMEMBERED_MS = 60_000;
/** More than so many at a time are not remembered; forgetting costs the wait for one run of another process. */
const MAX_REMEMBERED = 10_000;
/** Reasons that say nothing of the next run. */
const PASSING: ReadonlySet<NotStored> = new Set(['stale-inside', 'in-transaction']);

/**
 * What gave answers lately that are not kept. Who waited for another process's run of it would get nothing of that, and
 * processes would run such a method one after the other. Each process remembers what its own runs gave.
 *
 * @see "hit-for-miss" in Varnish, https://varnish-cache.org/docs/trunk/users-guide/increasing-your-hitrate.html
 */
export class HitForMiss {
  readonly #untilMs = new Map<string, number>();

  constructor(private readonly clock: Clock) {}

  /** To be told of each run that was for all; one that threw says nothing. */
  note(subject: Subject, { entry, isRefused, notStoredBecause: why }: Produced<unknown>): void {
    if (entry) this.#untilMs.delete(subject.name);
    else if (!isRefused && !(why && PASSING.has(why))) this.remember(subject);
  }

  /** Also of an answer that was to be kept, and that the store does not take whatever the run gives. */
  remember({ name }: Subject): void {
    putNewest(this.#untilMs, name, this.clock.monotonicMs() + REMEMBERED_MS, MAX_REMEMBERED);
  }

  /** Whether this process runs it by itself: without waiting for others, and with none of them to wait. */
  holds({ name }: Subject): boolean {
    return this.clock.monotonicMs() < (this.#untilMs.get(name) ?? -Infinity);
  }
}
