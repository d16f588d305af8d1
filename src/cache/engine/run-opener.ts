import type { Ask } from './ask.js';
import type { Budget, NewBudget } from './budget.js';
import type { EmitCacheEvent } from './cache-events.js';
import { pause, type Clock } from './clock.js';
import { LONGEST_WAIT_MS, longestWaitMs } from './entry-policy.js';
import type { HitForMiss } from './hit-for-miss.js';
import { isFresh } from './held-entry.js';
import { LoadLease } from './load-lease.js';
import { nobodyWaits } from './nobody-waits.js';
import type { Opening } from './opening.js';
import type { Flight } from './single-flight.js';
import type { Store } from './store.js';
import type { Subject } from './subject.js';

/** Pauses between looks for what another process is computing: an eighth of what it has taken so far, with jitter, ms. */
const [WAITED_PART, MIN_PAUSE_MS, MAX_PAUSE_MS] = [1 / 8, 20, 200];

interface RunOpenerOptions {
  readonly store: Store;
  readonly ask: Ask;
  readonly hitForMiss: HitForMiss;
  readonly clock: Clock;
  readonly newBudget: NewBudget;
  readonly emit: EmitCacheEvent;
}

/** Opens runs: with the tokens of all that each may depend on, and with the right to run for all processes. */
export class RunOpener {
  readonly #options: RunOpenerOptions;

  constructor(options: RunOpenerOptions) {
    this.#options = options;
  }

  /**
   * As {@link open}. Where another process is at it, waits for its entry or for its lease to end; for 10 s at most.
   *
   * @param flight     that begins so
   * @param isAwaited  whether its caller still waits for that
   * @throws {CacheError} `CACHE_FACTORY_TIMED_OUT` once they do not; those who have joined the flight need another
   */
  async openOrWait(
    subject: Subject,
    budget: Budget,
    flight: Flight<unknown>,
    isAwaited: () => boolean,
  ): Promise<Opening | undefined> {
    const { clock, newBudget, emit } = this.#options;
    const { witnesses } = flight.dependencies;
    const sinceMs = clock.monotonicMs();
    let opening = await this.open(subject, budget, witnesses);
    while (opening && isMadeElsewhere(opening, clock)) {
      const waitedMs = clock.monotonicMs() - sinceMs;
      if (waitedMs >= LONGEST_WAIT_MS) break;
      const pauseMs = Math.min(Math.max(waitedMs * WAITED_PART, MIN_PAUSE_MS), MAX_PAUSE_MS);
      await pause(clock, pauseMs * (0.5 + Math.random()));
      // Whoever was given something stale in its place has it replaced.
      if (!isAwaited() && subject.policy.graceMs === 0) {
        flight.isOwn = true;
        throw nobodyWaits(subject);
      }
      opening = await this.open(subject, newBudget(), witnesses);
      if (isFresh(opening?.held, clock) && isAwaited())
        emit({ event: 'cache.coalesced', subject, durationMs: clock.monotonicMs() - sinceMs });
    }
    return opening;
  }

  /**
   * @param witnesses  families that tell whether something the result may name was invalidated
   * @param isForAll   whether the lease to run for all processes is asked for. Default: yes, unless the last run gave nothing
   *   to keep, for which others would wait in vain
   * @returns `undefined` if the store did not answer
   */
  async open(
    subject: Subject,
    budget: Budget,
    witnesses: readonly string[],
    isForAll = !this.#options.hitForMiss.appliesTo(subject),
  ): Promise<Opening | undefined> {
    const { store, ask, clock } = this.#options;
    const lease = new LoadLease(store, subject, clock);
    const isAsked = isForAll && store.isAvailable() && budget.leftMs > 0;
    const opened = await ask(subject, budget, (entries) =>
      entries.open(subject, witnesses, budget, isForAll ? lease : undefined),
    );
    if (!opened) {
      // It may have been granted all the same. Until it runs out all would wait for a run that nobody makes.
      if (isAsked) void lease.disclaim();
      return undefined;
    }
    const opening = { ...opened.answer, lease };
    if (isForAll && opening.hasLease) {
      const untilMs = clock.monotonicMs() + longestWaitMs(subject.policy);
      lease.hold(untilMs, () => this.#isCurrent(subject, opening));
    }
    return opening;
  }

  async #isCurrent(subject: Subject, { tokens, atMs }: Opening): Promise<boolean> {
    const { ask, newBudget } = this.#options;
    const budget = newBudget();
    const current = await ask(subject, budget, (entries) => entries.isCurrent(subject, tokens, atMs, budget));
    return current?.answer ?? true;
  }
}

/** Whether another process is at it, and this one is to have what that gives. */
function isMadeElsewhere({ hasLease, isPerProcess, held }: Opening, clock: Clock): boolean {
  return !hasLease && !isPerProcess && !isFresh(held, clock);
}
