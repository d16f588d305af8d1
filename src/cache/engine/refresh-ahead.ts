import type { Clock } from './clock.js';
import type { Found, Subject } from './subject.js';

/** A process that tried to refresh an entry, or saw another at it, looks away for so long, ms. */
const LOOK_AWAY_MS = 1000;
/** More than so many at a time are not remembered; forgetting costs a question to the store. */
const MAX_REMEMBERED = 10_000;

/**
 * Says who refreshes an entry that will soon expire, so that nobody has to wait when it does. "Soon" is the last part of
 * its TTL, or twice as long as the last run took: the slower the method, the earlier it begins.
 *
 * @see Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention. VLDB 2015
 */
export class RefreshAhead {
  readonly #clock: Clock;
  readonly #lookAwayUntilMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Gives this caller the right to have it refreshed, if it will soon expire and no other has that now. @returns whether */
  claim(subject: Subject, found: Found): boolean {
    if (!this.isSoon(subject, found)) return false;
    const now = this.#clock.monotonicMs();
    if ((this.#lookAwayUntilMs.get(subject.keyText) ?? -Infinity) > now) return false;
    this.#lookAwayUntilMs.delete(subject.keyText);
    this.#lookAwayUntilMs.set(subject.keyText, now + Math.min(LOOK_AWAY_MS, found.entry.ttlMs / 2));
    if (this.#lookAwayUntilMs.size > MAX_REMEMBERED) {
      const [oldest] = this.#lookAwayUntilMs.keys();
      if (oldest !== undefined) this.#lookAwayUntilMs.delete(oldest);
    }
    return true;
  }

  /** Whether an entry is in the last part of its TTL. */
  isSoon({ policy }: Subject, { entry, freshForMs }: Found): boolean {
    if (policy.refreshAhead >= 1) return false;
    const lastPartMs = entry.ttlMs * (1 - policy.refreshAhead);
    return freshForMs < Math.min(Math.max(lastPartMs, 2 * entry.loadMs), entry.ttlMs / 2);
  }
}
