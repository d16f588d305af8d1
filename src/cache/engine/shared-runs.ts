import type { Budget } from './budget.js';
import { CurrentRun } from './current-run.js';
import { join, mayNeedPlace, waitForRoom, type JoinOptions, type RunResult } from './join.js';
import { isFresh } from './held-entry.js';
import { nobodyWaits } from './nobody-waits.js';
import { runAlone, runStored, runUnkept, type OneRunOptions } from './one-run.js';
import type { Opening } from './opening.js';
import type { RunOpener } from './run-opener.js';
import type { RetryPauses } from './retry-pauses.js';
import type { Flight } from './single-flight.js';
import type { Factory, Loaded, Revive } from './factory.js';
import type { Subject } from './subject.js';
import { tokensByTag } from './tokens.js';

type Open = (flight: Flight<unknown>) => Promise<Opening | undefined>;

export interface SharedRunsOptions extends JoinOptions, OneRunOptions {
  readonly opener: RunOpener;
  readonly retryPauses: RetryPauses;
}

/**
 * Runs a method once for all callers who may share the result.
 *
 * Tokens are read before the method runs. If an invalidation comes during the run, the result is stored under a token that
 * is dead by then, so it is never served, however late it is stored. For the same reason nobody joins a run whose tokens
 * are dead.
 */
export class SharedRuns {
  readonly #options: SharedRunsOptions;

  constructor(options: SharedRunsOptions) {
    this.#options = options;
  }

  /**
   * Joins the run that is under way, or begins one.
   *
   * @param isAwaited  whether this caller still waits; once they do not, no further run begins for them
   * @throws whatever `factory` throws; {@link CacheError} `CACHE_FACTORY_TIMED_OUT` where nobody waits any more
   */
  async joinOrRun<T>(
    subject: Subject,
    budget: Budget,
    factory: Factory<T>,
    revive: Revive<T>,
    isAwaited: () => boolean,
  ): Promise<Loaded<T>> {
    const { flights, opener, bulkhead } = this.#options;
    const caller = { arrival: flights.arrive(), isAwaited, refusals: 0, slowRuns: 0 };
    for (;;) {
      const flight = flights.find<RunResult<T>>(subject.keyText, caller.arrival);
      const ahead = flight ? [flight] : flights.crowd(subject.keyText);
      // This call was made by the very run that it would wait for.
      if (ahead.length > 0 && CurrentRun.around?.isOf(this.#options.factoryRunner, subject.keyText)) {
        return runAlone(this.#options, subject, factory);
      }
      const wouldDeadlock = bulkhead.isInside && mayNeedPlace(ahead);
      // No `await` between the look above and the start, or two callers would both find nothing to join.
      if (ahead.length === 0 || wouldDeadlock) {
        const open: Open = (begun) => opener.openOrWait(subject, budget, begun, isAwaited);
        return this.#startFlight(subject, open, factory, revive);
      }
      const joined = flight
        ? await join({ options: this.#options, subject, budget, caller, flight })
        : await waitForRoom(this.#options, subject, ahead);
      if (typeof joined === 'object') return joined;
      if (!isAwaited()) throw nobodyWaits(subject);
      if (joined === 'alone') return runAlone(this.#options, subject, factory);
    }
  }

  /** Whether there is a run that may be joined. */
  isUnderWay(subject: Subject): boolean {
    return this.#options.flights.find(subject.keyText) !== undefined;
  }

  /** Runs the method even if a value is kept or a run is under way, and stores the result. */
  renew<T>(subject: Subject, budget: Budget, factory: Factory<T>): Promise<Loaded<T>> {
    const { opener } = this.#options;
    const open: Open = ({ dependencies }) => opener.open(subject, budget, dependencies.witnesses);
    return this.#startFlight(subject, open, factory);
  }

  /**
   * Runs under an opening that was asked for before, unless another run has begun meanwhile.
   *
   * @returns whether what it gave is being stored
   */
  async runUnder(subject: Subject, opening: Opening, factory: Factory<unknown>): Promise<boolean> {
    if (this.isUnderWay(subject)) {
      await opening.lease.release();
      return false;
    }
    const { isStored } = await this.#startFlight(subject, () => Promise.resolve(opening), factory);
    return isStored;
  }

  /** @param revive  makes the value from an entry that has been stored meanwhile; without it the method runs all the same */
  async #startFlight<T>(
    subject: Subject,
    open: Open,
    factory: Factory<T>,
    revive?: Revive<T>,
  ): Promise<RunResult<T>> {
    const { flights, families, retryPauses, clock, background } = this.#options;
    const dependencies = { certain: subject.tags, witnesses: families.witnessesFor(subject) };
    const begun = flights.start<RunResult<T>>(subject.keyText, dependencies, async (flight) => {
      const opening = await open(flight);
      if (!opening) return runUnkept(this.#options, subject, flight, factory);
      const { held, lease, tokens } = opening;
      if (!held || !revive || !isFresh(held, clock)) {
        flight.tokens = tokens;
        return runStored(this.#options, subject, flight, opening, factory);
      }
      // Who joins has to check all that the entry depends on: that may be more than was read to open the run.
      flight.tokens = tokensByTag(held.entry.tags, held.entry.tokens);
      CurrentRun.around?.noteUsed(flight.tokens);
      background.add(lease.release());
      return { value: revive(held.entry), isShareable: true, how: 'found', isStored: true };
    });
    begun.result.catch(() => {
      if (!begun.isOwn) retryPauses.begin(subject);
    });
    return begun.result;
  }
}
