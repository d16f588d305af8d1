import type { Ask } from './ask.js';
import type { Budget } from './budget.js';
import type { Bulkhead } from './bulkhead.js';
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
    /** Whether it may depend on a tag of a family that was not read before the run. */
    readonly hasUnknownTags?: boolean;
    /** The tags that it has named itself, where that is known. */
    readonly namedTags?: readonly string[];
  };

export interface JoinOptions {
  readonly entries: EntryStore;
  readonly flights: SingleFlight;
  readonly ask: Ask;
  readonly bulkhead: Bulkhead;
  readonly clock: Clock;
  readonly emit: EmitCacheEvent;
}

/** Somebody who waits for a run, and what has become of the runs that they waited for so far. */
export interface Caller {
  /** When they came, in the order of flights. */
  readonly arrival: number;
  /** Whether they still wait: they may have been given a stale entry meanwhile, or a timeout. */
  readonly isAwaited: () => boolean;
  /** How many runs gave them nothing: its caller was refused before the method, or the result was for that caller only. */
  refusals: number;
  /** How many runs they gave up because it took too long. */
  slowRuns: number;
}

/**
 * Waits for the run that is under way, if it is good enough for this caller: it must not have read anything that was
 * invalidated before they came.
 *
 * @returns `'again'`: this run will not do, so look for another or begin one. `'alone'`: it gave this caller nothing, so
 *   they run the method for themselves
 */
export async function join<T>(
  options: JoinOptions,
  subject: Subject,
  budget: Budget,
  caller: Caller,
  flight: Flight<RunResult<T>>,
): Promise<Loaded<T> | 'again' | 'alone'> {
  const { clock, emit, flights, bulkhead } = options;
  const since = clock.monotonicMs();
  const wait = () =>
    bulkhead.waitFor(resultInTime(flight, subject, clock, caller), () => mayNeedPlace([flight]));
  const verdictOn = (tags?: readonly string[]) =>
    mayJoin(options, subject, budget, caller.arrival, flight, tags);
  // A result with unknown tags may depend on any. The token that every invalidation changes can tell, if it was read.
  const isOutdated = async () => {
    const { tokens } = flight;
    return tokens !== undefined && !(tokens.has(ANY) && (await verdictOn([...tokens.keys()])) === 'yes');
  };

  // What was kept when the run used it may have been invalidated since, before this caller came.
  const hasUsedOld = async (named: readonly string[] = [...flight.used.keys()]) => {
    const tags = named.filter((tag) => flight.used.has(tag));
    const used = { ...flight, tokens: flight.used };
    return tags.length > 0 && (await mayJoin(options, subject, budget, caller.arrival, used, tags)) !== 'yes';
  };

  const leaveSlow = () => {
    caller.slowRuns++;
    flights.giveUp(subject.keyText, flight);
    return 'again' as const;
  };

  const verdict = await verdictOn();
  if (verdict === 'no') {
    // Those who joined it before go on waiting; those who come from now on share another.
    flights.close(flight);
    return 'again';
  }
  if (verdict === 'unknown') {
    // The next run begins after this caller came, and so will do for them.
    const isOver = await wait().then(Boolean, () => true);
    return isOver ? 'again' : leaveSlow();
  }

  let result: RunResult<T> | 'deadlock' | undefined;
  try {
    result = await wait();
  } catch (error) {
    if (flight.isOwn || (subject.furtherTags.mayBeNamed && ((await isOutdated()) || (await hasUsedOld()))))
      return 'again';
    throw error;
  }
  if (result === 'deadlock') return 'again';
  if (!result) return leaveSlow();
  if (result.isRefused || flight.isOwn) {
    flight.refused++;
    caller.refusals++;
    return flight.refused <= mostAlone(caller.refusals) ? 'alone' : 'again';
  }
  if (!result.isShareable) return 'alone';
  if (result.hasUnknownTags && (await isOutdated())) return 'again';
  if (subject.furtherTags.mayBeNamed && (await hasUsedOld(result.namedTags))) return 'again';
  // It found an entry in place of running. That was checked when the store was asked, perhaps before this caller came.
  if (result.how === 'found' && (await verdictOn()) !== 'yes') return 'again';

  const { value, isStored, notStoredBecause } = result;
  CurrentRun.around?.noteUsed(new Map([...flight.used, ...(flight.tokens ?? [])]));
  if (notStoredBecause === 'stale-inside') CurrentRun.around?.spoil(notStoredBecause);
  if (caller.isAwaited())
    emit({ event: 'cache.coalesced', subject, durationMs: clock.monotonicMs() - since });
  return { value, how: 'joined', isStored, notStoredBecause };
}

/**
 * Waits until one of these runs has ended, since no other may begin beside them; all who came meanwhile then share the
 * next. If none ends in time the oldest is given up: its method was never called, or its runner had given it up sooner.
 */
export async function waitForRoom(
  { clock, flights, bulkhead }: JoinOptions,
  subject: Subject,
  crowd: readonly Flight<unknown>[],
): Promise<'again'> {
  const oneEnds = Promise.race(crowd.map(({ over }) => over.then(() => true)));
  const [oldest] = crowd;
  const waited = bulkhead.waitFor(resultWithin(clock, LONGEST_WAIT_MS, oneEnds), () => mayNeedPlace(crowd));
  if (!(await waited) && oldest) flights.giveUp(subject.keyText, oldest);
  return 'again';
}

/** Whether one of these runs may be waiting for a place in the bulkhead: it has not called its method yet. */
export function mayNeedPlace(flights: readonly Flight<unknown>[]): boolean {
  return flights.some(({ calledAtMs }) => calledAtMs === undefined);
}

/**
 * The result, or `undefined` when this caller has waited long enough. For each run that they waited for in vain they wait
 * twice as long: where all runs are slow, callers would otherwise begin them one after the other.
 */
function resultInTime<T>(
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
 * How many of those who got nothing from a run then run alone and do not wait for the next: after the first such run
 * nobody, then 1, 3, 7, …. If everybody is refused, no more than a few runs follow one another; if one caller is not, nearly
 * all the others share theirs.
 */
function mostAlone(refusals: number): number {
  return 2 ** Math.min(refusals - 1, 10) - 1;
}

/**
 * Whether a run under way has read nothing that was invalidated before this caller came.
 *
 * @param tags  what to ask about. Default: all that it is known to depend on
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
  // It has no tokens, or the store did not answer. Who may still ask the store begins another run. Who may not waits for
  // this one to end, and then shares the next with all who came meanwhile.
  return options.entries.isAvailable && budget.leftMs > 0 ? 'no' : 'unknown';
}
