import type { Ask } from './ask.js';
import type { Budget } from './budget.js';
import type { EmitCacheEvent } from './cache-events.js';
import { resultWithin, type Clock } from './clock.js';
import { CurrentRun } from './current-run.js';
import { LONGEST_WAIT_MS, longestWaitMs } from './entry-policy.js';
import type { EntryStore } from './entry-store.js';
import type { Flight, SingleFlight } from './single-flight.js';
import type { Loaded, Produced } from './factory.js';
import type { Subject } from './subject.js';
import { ANY } from './tags.js';

/** What a run gives to everyone who waits for it. */
export type RunResult<T> = Loaded<T> &
  Pick<Produced<T>, 'isShareable' | 'isRefused'> & {
    /** It has not named all that it depends on. */
    readonly isUnnamed?: boolean;
  };

export interface JoinOptions {
  readonly entries: EntryStore;
  readonly flights: SingleFlight;
  readonly ask: Ask;
  readonly clock: Clock;
  readonly emit: EmitCacheEvent;
}

/** Who waits for runs. */
export interface Caller {
  /** Their place in the order of flights. */
  readonly arrival: number;
  /** Whether they wait yet: they may have been given something stale, or been told that it takes too long. */
  readonly isAwaited: () => boolean;
  /** How many runs said nothing to them: their own callers were refused before the method, or it was theirs alone. */
  refusals: number;
  /** How many runs took longer than they wait for one. */
  slowRuns: number;
}

/**
 * Waits for a run under way, if what it gives is good enough for this caller, for as long as anybody waits for one.
 *
 * @returns `'again'` if it is not: that run is over or out of reach, and there may be another. `'alone'` if it gave
 *   nothing to this caller, who shall run the method for themselves
 */
export async function join<T>(
  options: JoinOptions,
  subject: Subject,
  budget: Budget,
  caller: Caller,
  flight: Flight<RunResult<T>>,
): Promise<Loaded<T> | 'again' | 'alone'> {
  const { clock, emit, flights } = options;
  const since = clock.monotonicMs();
  const verdictOn = (tags?: readonly string[]) =>
    mayJoin(options, subject, budget, caller.arrival, flight, tags);
  // What has not named all its tags may depend on any: only what moves with every tag tells, if it was read.
  const isOutdated = async () => {
    const { tokens } = flight;
    return tokens !== undefined && !(tokens.has(ANY) && (await verdictOn([...tokens.keys()])) === 'yes');
  };

  const leaveSlow = () => {
    caller.slowRuns++;
    flights.giveUp(subject.keyText, flight);
    return 'again' as const;
  };

  const verdict = await verdictOn();
  if (verdict === 'no') {
    // Who waits for it already goes on doing so; who asks from now on shares another.
    flights.close(flight);
    return 'again';
  }
  if (verdict === 'unknown') {
    const isOver = await resultOf(flight, subject, clock, caller).then(Boolean, () => true);
    return isOver ? 'again' : leaveSlow();
  }

  let result: RunResult<T> | undefined;
  try {
    result = await resultOf(flight, subject, clock, caller);
  } catch (error) {
    if (flight.isOwn || (subject.furtherTags.mayBeNamed && (await isOutdated()))) return 'again';
    throw error;
  }
  if (!result) return leaveSlow();
  if (result.isRefused || flight.isOwn) {
    flight.refused++;
    caller.refusals++;
    return flight.refused <= mostAlone(caller.refusals) ? 'alone' : 'again';
  }
  if (!result.isShareable) return 'alone';
  if (result.isUnnamed && (await isOutdated())) return 'again';
  // An entry that the run found was judged when the store was asked, which may have been before this caller came.
  if (result.how === 'found' && (await verdictOn()) !== 'yes') return 'again';

  const { value, isStored, notStoredBecause } = result;
  if (notStoredBecause === 'stale-inside') CurrentRun.around?.spoil(notStoredBecause);
  if (caller.isAwaited())
    emit({ event: 'cache.coalesced', subject, durationMs: clock.monotonicMs() - since });
  return { value, how: 'joined', isStored, notStoredBecause };
}

/**
 * Waits for one of those under way to end, beside which no other may begin: then all who came meanwhile share the next. One
 * that takes too long is given up by its runner, and here one whose method has not even been called.
 */
export async function waitForRoom(
  { clock, flights }: JoinOptions,
  subject: Subject,
  crowd: readonly Flight<unknown>[],
): Promise<'again'> {
  const oneEnds = Promise.race(crowd.map(({ over }) => over.then(() => true)));
  const [oldest] = crowd;
  if (!(await resultWithin(clock, LONGEST_WAIT_MS, oneEnds)) && oldest)
    flights.giveUp(subject.keyText, oldest);
  return 'again';
}

/**
 * `undefined` where it takes longer than anybody waits for a run. Who has waited in vain waits twice as long for the next:
 * where all runs are slow, callers would run one after the other instead.
 */
function resultOf<T>(
  flight: Flight<T>,
  subject: Subject,
  clock: Clock,
  { slowRuns }: Caller,
): Promise<T | undefined> {
  const now = clock.monotonicMs();
  const patienceMs = longestWaitMs(subject.policy) * 2 ** Math.min(slowRuns, 10);
  return resultWithin(clock, (flight.calledAtMs ?? now) + patienceMs - now, flight.result);
}

/**
 * How many do not wait for the next run: 0, 1, 3, 7, … of those who waited in vain. Where all are refused, no more than a
 * few runs follow one another; where one is not, nearly all the others share theirs.
 */
function mostAlone(refusals: number): number {
  return 2 ** Math.min(refusals - 1, 10) - 1;
}

/**
 * Whether a run under way has read nothing that was invalidated before this caller came.
 *
 * @param tags  what to ask about; by default what it depends on as far as anybody knows
 */
async function mayJoin(
  options: JoinOptions,
  subject: Subject,
  budget: Budget,
  arrival: number,
  { order, calledAtMs, tokens }: Flight<unknown>,
  tags?: readonly string[],
): Promise<'yes' | 'no' | 'unknown'> {
  if (order > arrival) return 'yes';
  if (tokens) {
    const current = await options.ask(subject, budget, (entries) =>
      entries.isCurrent(subject, tokens, calledAtMs ?? -Infinity, budget, tags),
    );
    if (current) return current.answer ? 'yes' : 'no';
  } else if (calledAtMs === undefined) return 'yes';
  // Nobody can be asked, or not by this caller any more. The next run, which begins after this one, will do for all who
  // came during this one.
  return options.entries.isAvailable && budget.leftMs > 0 ? 'no' : 'unknown';
}
