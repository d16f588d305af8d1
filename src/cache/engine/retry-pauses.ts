import type { Clock } from './clock.js';
import { putNewest } from './put-newest.js';
import type { Found } from './l1-entries.js';
import type { Subject } from './subject.js';

/** More than so many at a time are not remembered; forgetting costs a run. */
const MAX_REMEMBERED = 10_000;

interface Pause {
  readonly failedAtMs: number;
  readonly untilMs: number;
}

/**
 * Leaves a method that has failed in peace for a while, where a stale answer covers that: a source that is down need not
 * fail once for each caller, nor each caller wait for it to do so. Each process has pauses of its own.
 */
export class RetryPauses {
  readonly #pauses = new Map<string, Pause>();

  constructor(private readonly clock: Clock) {}

  /** To be called when a run has failed for all. Where nothing stale may stand in, callers need the next one. */
  begin({ name, policy }: Subject): void {
    if (policy.graceMs === 0 || policy.retryAfterMs === 0) return;
    const failedAtMs = this.clock.monotonicMs();
    const pause = { failedAtMs, untilMs: failedAtMs + policy.retryAfterMs };
    putNewest(this.#pauses, name, pause, MAX_REMEMBERED);
  }

  /** Whether no run shall replace this entry yet. One whose run began since the failure shows that the method works again. */
  holds({ name }: Subject, { ageMs }: Found): boolean {
    const pause = this.#pauses.get(name);
    if (!pause) return false;
    const now = this.clock.monotonicMs();
    return now < pause.untilMs && now - ageMs <= pause.failedAtMs;
  }
}
