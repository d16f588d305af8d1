import type { Backplane, BackplaneListener, CaughtUp } from './backplane.js';
import type { Clock } from './clock.js';
import type { Consistency } from './entry-policy.js';
import { InvalidationLog } from './invalidation-log.js';
import type { HeldEntry } from './held-entry.js';

/**
 * What this process may believe of the entries it holds without asking the store: that nothing they depend on was
 * invalidated after their tokens were last seen, as far as it would have heard of it.
 */
export class Coherence implements BackplaneListener {
  readonly #log = new InvalidationLog();
  readonly #clock: Clock;
  readonly #backplane: Backplane | undefined;
  readonly #isAlone: boolean;

  /** @param isAlone every invalidation is made by this very engine: it hears all of them at once */
  constructor(clock: Clock, backplane: Backplane | undefined, isAlone: boolean) {
    this.#clock = clock;
    this.#backplane = backplane;
    this.#isAlone = isAlone;
    backplane?.listen(this);
  }

  /** Take it before the tokens are asked for: then nothing falls between the two. */
  get logPosition(): number {
    return this.#log.position;
  }

  /** Whether it has heard of no invalidation of `tags` since that position. */
  isQuietSince(position: number, tags: readonly string[]): boolean {
    return this.#log.isQuietSince(position, tags);
  }

  onInvalidated(tags: readonly string[]): void {
    this.#log.record(tags);
  }

  onGap(): void {
    this.#log.forget();
  }

  vouchesFor(held: HeldEntry, consistency: Consistency): boolean {
    return this.#hears(consistency) && this.isUnchanged(held);
  }

  /** As {@link Backplane.catchUp}; `undefined` where it cannot. */
  catchUp(budgetMs: number): Promise<CaughtUp> | undefined {
    return this.#backplane?.catchUp?.(budgetMs);
  }

  /** Whether it has heard of no invalidation of what `held` depends on since that was last known to be valid. */
  isUnchanged(held: HeldEntry): boolean {
    if (!this.#log.isQuietSince(held.validAtPosition, held.entry.tags)) return false;
    held.validAtPosition = this.#log.position;
    return true;
  }

  #hears(consistency: Consistency): boolean {
    if (this.#isAlone) return true;
    return (
      consistency === 'bounded' && this.#clock.monotonicMs() < (this.#backplane?.heardUntilMs ?? -Infinity)
    );
  }
}
