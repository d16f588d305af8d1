import { BoundedMap } from './bounded-map.js';
import type { Clock } from './clock.js';
import type { Found } from './held-entry.js';
import type { Subject } from './subject.js';

/** The most that are remembered at a time. Forgetting one costs a run. */
const MAX_REMEMBERED = 10_000;

interface Pause {
  readonly failedAtMs: number;
  readonly untilMs: number;
}

/**
 * After a run has failed, gives the stale entry for a while without another run. So a source that is down is not asked by
 * each caller again, and no caller waits for it to fail. Each process has pauses of its own.
 */
export class RetryPauses {
  readonly #pauses = new BoundedMap<Pause>(MAX_REMEMBERED);

  constructor(private readonly clock: Clock) {}

  /** Called when a shared run has failed. Without grace there is no stale entry to give, so there is no pause either. */
  begin({ shortKeyText, policy }: Subject): void {
    if (policy.graceMs === 0 || policy.retryAfterMs === 0) return;
    const failedAtMs = this.clock.monotonicMs();
    const pause = { failedAtMs, untilMs: failedAtMs + policy.retryAfterMs };
    this.#pauses.set(shortKeyText, pause);
  }

  /** Whether this entry is given without a run. If its own run began after the failure, the method works again. */
  appliesTo({ shortKeyText }: Subject, { ageMs }: Found): boolean {
    const pause = this.#pauses.get(shortKeyText);
    if (!pause) return false;
    const now = this.clock.monotonicMs();
    return now < pause.untilMs && now - ageMs <= pause.failedAtMs;
  }
}
