import type { BackgroundWork } from './background-work.js';
import { BoundedMap } from './bounded-map.js';
import type { NewBudget } from './budget.js';
import { errorName } from './cache-errors.js';
import type { EmitCacheEvent } from './cache-events.js';
import type { Clock } from './clock.js';
import { CurrentRun } from './current-run.js';
import { foundNow, type Found } from './held-entry.js';
import type { SharedRuns } from './shared-runs.js';
import type { RunOpener } from './run-opener.js';
import type { RetryPauses } from './retry-pauses.js';
import type { Factory } from './factory.js';
import type { Subject } from './subject.js';
import type { WatchedFamilies } from './watched-families.js';

/** A process that tried to refresh an entry, or saw another at it, looks away for so long, ms. */
const LOOK_AWAY_MS = 1000;
/** More than so many at a time are not remembered; forgetting costs a question to the store. */
const MAX_REMEMBERED = 10_000;

interface RefreshAheadOptions {
  readonly opener: RunOpener;
  readonly sharedRuns: SharedRuns;
  readonly families: WatchedFamilies;
  readonly retryPauses: RetryPauses;
  readonly clock: Clock;
  readonly emit: EmitCacheEvent;
  readonly newBudget: NewBudget;
  readonly background: BackgroundWork;
}

/**
 * Has an entry that will soon expire replaced behind the answers, by one process for all, so that nobody has to wait when
 * it does. "Soon" is the last part of its TTL, or twice as long as the last run took: the slower the method, the earlier
 * it begins.
 *
 * @see Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention. VLDB 2015
 */
export class RefreshAhead {
  readonly #options: RefreshAheadOptions;
  readonly #lookAwayUntilMs = new BoundedMap<number>(MAX_REMEMBERED);

  constructor(options: RefreshAheadOptions) {
    this.#options = options;
  }

  /** Gives this caller the right to have it refreshed, if it will soon expire and no other has that now. @returns whether */
  claim(subject: Subject, found: Found): boolean {
    if (!isSoon(subject, found) || this.#options.retryPauses.appliesTo(subject, found)) return false;
    const { shortKeyText } = subject;
    const now = this.#options.clock.monotonicMs();
    if ((this.#lookAwayUntilMs.get(shortKeyText) ?? -Infinity) > now) return false;
    const untilMs = now + Math.min(LOOK_AWAY_MS, found.entry.ttlMs / 2);
    this.#lookAwayUntilMs.set(shortKeyText, untilMs);
    return true;
  }

  /** For whoever has claimed it. Never throws. */
  begin(subject: Subject, factory: Factory<unknown>): void {
    const { emit, background } = this.#options;
    const refreshed = CurrentRun.outside(() => this.#refresh(subject, factory));
    background.add(
      refreshed.catch((error: unknown) => {
        emit({ event: 'cache.refresh_failed', subject, reason: errorName(error), error });
      }),
    );
  }

  async #refresh(subject: Subject, factory: Factory<unknown>): Promise<void> {
    const { opener, sharedRuns, families, clock, emit, newBudget } = this.#options;
    if (sharedRuns.isUnderWay(subject)) return;
    const witnesses = families.witnessesFor(subject);
    // The lease says who does it.
    const opening = await opener.open(subject, newBudget(), witnesses, true);
    if (!opening?.hasLease) return;
    const { held } = opening;
    if (held && !isSoon(subject, foundNow(held, clock))) await opening.lease.release();
    else if (await sharedRuns.runUnder(subject, opening, factory))
      emit({ event: 'cache.refreshed', subject });
  }
}

/** Whether an entry is in the last part of its TTL. */
function isSoon({ policy }: Subject, { entry, freshForMs }: Found): boolean {
  if (policy.refreshAhead >= 1) return false;
  const lastPartMs = entry.ttlMs * (1 - policy.refreshAhead);
  return freshForMs < Math.min(Math.max(lastPartMs, 2 * entry.loadMs), entry.ttlMs / 2);
}
