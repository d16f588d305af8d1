import type { BackgroundWork } from './background-work.js';
import type { Budget, NewBudget } from './budget.js';
import type { EmitCacheEvent } from './cache-events.js';
import type { Clock } from './clock.js';
import { CurrentRun } from './current-run.js';
import type { EngineParts } from './engine-parts.js';
import type { Factory, Loaded, Revive } from './factory.js';
import type { Found } from './held-entry.js';
import type { Subject } from './subject.js';
import { tokensByTag } from './tokens.js';
import { withTimeouts, type StaleReason } from './with-timeouts.js';

interface AwaitedRunsOptions {
  /** `undefined` where nothing is kept: each caller runs the method. */
  readonly parts: Pick<EngineParts, 'ask' | 'sharedRuns' | 'factoryRunner' | 'retryPauses'> | undefined;
  readonly clock: Clock;
  readonly newBudget: NewBudget;
  readonly emit: EmitCacheEvent;
  readonly background: BackgroundWork;
}

/** What a caller waits for: a run, for as long as the policy says, or a stale entry in its place. */
export class AwaitedRuns {
  readonly #options: AwaitedRunsOptions;

  constructor(options: AwaitedRunsOptions) {
    this.#options = options;
  }

  /**
   * Runs `factory`, or waits for the run of the same key that is already under way, here or in another process.
   *
   * @param stale  an expired entry to give instead if the run fails or takes longer than the soft timeout. If a run has
   *   failed just before, it is given without another
   * @throws whatever `factory` throws; it reaches everyone who waited and is never stored
   * @throws {CacheError} `CACHE_FACTORY_TIMED_OUT` after the hard timeout, `CACHE_OVERLOADED` if the store is away and
   *   too many wait
   */
  async load<T>(
    subject: Subject,
    budget: Budget,
    factory: Factory<T>,
    revive: Revive<T>,
    stale?: Found,
  ): Promise<Loaded<T>> {
    const { parts, emit, clock } = this.#options;
    const sinceMs = clock.monotonicMs();
    const waitedMs = () => clock.monotonicMs() - sinceMs;
    const around = CurrentRun.around;
    const serve = (found: Found, reason: StaleReason): Loaded<T> => {
      around?.spoil('stale-inside');
      emit({ event: 'cache.stale_served', subject, reason, staleMs: waitedMs() - found.freshForMs });
      return { value: revive(found.entry), how: 'stale', isStored: false };
    };
    if (stale && parts?.retryPauses.appliesTo(subject, stale))
      return { ...serve(stale, 'error'), how: 'paused' };
    const serveStale =
      stale &&
      (async (reason: StaleReason) =>
        (await this.#isStillValid(subject, stale)) && hasGrace(stale, waitedMs())
          ? serve(stale, reason)
          : undefined);
    let isAwaited = true;
    const run =
      parts?.sharedRuns.joinOrRun(subject, budget, factory, revive, () => isAwaited) ?? runUncached(factory);
    try {
      return await this.#withTimeouts(subject, run, serveStale);
    } finally {
      isAwaited = false;
    }
  }

  /**
   * Runs `factory` even if a value is kept, and stores what it gives: for a caller who wants a new answer, and may have one.
   *
   * @throws what {@link load} throws
   */
  async renew<T>(subject: Subject, budget: Budget, factory: Factory<T>): Promise<Loaded<T>> {
    const { parts } = this.#options;
    const run = parts?.sharedRuns.renew(subject, budget, factory) ?? runUncached(factory);
    return this.#withTimeouts(subject, run);
  }

  /**
   * Runs `factory` for this caller alone: takes nothing from the cache, joins no run and keeps nothing. Not in the bulkhead
   * either: the caller may hold something, such as a lock, that the runs in there are waiting for.
   *
   * @throws whatever `factory` throws; {@link CacheError} `CACHE_FACTORY_TIMED_OUT` after the hard timeout
   */
  async past<T>(subject: Subject, factory: Factory<T>): Promise<T> {
    const { parts } = this.#options;
    const ran = parts?.factoryRunner.run({ subject, factory, isBounded: false });
    const run = ran?.then(([produced]) => produced) ?? factory();
    return (await this.#withTimeouts(subject, run)).value;
  }

  /**
   * Whether a stale entry was not invalidated while its caller waited for the run. If the store does not answer, it
   * counts as valid.
   */
  async #isStillValid(subject: Subject, { entry }: Found): Promise<boolean> {
    // Nobody has waited since it was looked up.
    if (subject.policy.softTimeoutMs === 0) return true;
    const tokens = tokensByTag(entry.tags, entry.tokens);
    const { parts, newBudget } = this.#options;
    const budget = newBudget();
    const valid = await parts?.ask(subject, budget, (entries) =>
      entries.isCurrent(subject, tokens, -Infinity, budget),
    );
    return valid?.answer ?? true;
  }

  /** As {@link withTimeouts}. A run that nobody waits for any more goes on in the background. */
  #withTimeouts<T extends object>(
    subject: Subject,
    run: Promise<T>,
    serveStale?: (reason: StaleReason) => Promise<T | undefined>,
  ): Promise<T> {
    const { clock, background } = this.#options;
    const goOnBehind = () => {
      background.addUnheard(run);
    };
    return withTimeouts(run, subject, clock, goOnBehind, serveStale);
  }
}

function hasGrace({ freshForMs, entry }: Found, waitedMs: number): boolean {
  return freshForMs + entry.graceMs > waitedMs;
}

/** Where nothing is kept. */
async function runUncached<T>(factory: Factory<T>): Promise<Loaded<T>> {
  return { value: (await factory()).value, how: 'ran', isStored: false, notStoredBecause: 'switched-off' };
}
