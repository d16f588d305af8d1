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
import type { Tokens } from './tokens.js';

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
interface Caller {
  /** When they came, in the order of flights. */
  readonly arrival: number;
  /** Whether they still wait: they may have been given a stale entry meanwhile, or a timeout. */
  readonly isAwaited: () => boolean;
  /** How many runs gave them nothing: its caller was refused before the method, or the result was for that caller only. */
  refusals: number;
  /** How many runs they gave up because it took too long. */
  slowRuns: number;
}

/** A caller, and the run that they may join. */
interface Joining<T> {
  readonly options: JoinOptions;
  readonly subject: Subject;
  readonly budget: Budget;
  readonly caller: Caller;
  readonly flight: Flight<RunResult<T>>;
}

/**
 * Waits for the run that is under way, if it is good enough for this caller: it must not have read anything that was
 * invalidated before they came.
 *
 * @returns `'again'`: this run will not do, so look for another or begin one. `'alone'`: it gave this caller nothing, so
 *   they run the method for themselves
 */
export async function join<T>(joining: Joining<T>): Promise<Loaded<T> | 'again' | 'alone'> {
  const { options, subject, caller, flight } = joining;
  const { clock, emit, flights } = options;
  const sinceMs = clock.monotonicMs();
  const verdict = await verdictOn(joining, flight.tokens);
  if (verdict === 'no') {
    // Those who joined it before go on waiting; those who come from now on share another.
    flights.close(flight);
    return 'again';
  }
  if (verdict === 'unknown') {
    // The next run begins after this caller came, and so will do for them.
    const isOver = await waitForResult(joining).then(Boolean, () => true);
    return isOver ? 'again' : leaveSlow(joining);
  }

  let result: RunResult<T> | 'deadlock' | undefined;
  try {
    result = await waitForResult(joining);
  } catch (error) {
    const { mayBeNamed } = subject.furtherTags;
    if (flight.isOwn || (mayBeNamed && ((await mayBeOutdated(joining)) || (await hasUsedOld(joining)))))
      return 'again';
    throw error;
  }
  if (result === 'deadlock') return 'again';
  if (!result) return leaveSlow(joining);
  if (result.isRefused || flight.isOwn) {
    flight.refused++;
    caller.refusals++;
    return flight.refused <= mostAlone(caller.refusals) ? 'alone' : 'again';
  }
  if (!result.isShareable) return 'alone';
  if (result.hasUnknownTags && (await mayBeOutdated(joining))) return 'again';
  if (subject.furtherTags.mayBeNamed && (await hasUsedOld(joining, result.namedTags))) return 'again';
  // It found an entry in place of running. That was checked when the store was asked, perhaps before this caller came.
  if (result.how === 'found' && (await verdictOn(joining, flight.tokens)) !== 'yes') return 'again';

  const { value, isStored, notStoredBecause } = result;
  CurrentRun.around?.noteUsed(new Map([...flight.used, ...(flight.tokens ?? [])]));
  if (notStoredBecause === 'stale-inside') CurrentRun.around?.spoil(notStoredBecause);
  if (caller.isAwaited())
    emit({ event: 'cache.coalesced', subject, durationMs: clock.monotonicMs() - sinceMs });
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
function waitForResult<T>({
  options: { clock, bulkhead },
  subject,
  caller,
  flight,
}: Joining<T>): Promise<RunResult<T> | 'deadlock' | undefined> {
  const now = clock.monotonicMs();
  const patienceMs = longestWaitMs(subject.policy) * 2 ** Math.min(caller.slowRuns, 10);
  const result = resultWithin(clock, (flight.calledAtMs ?? now) + patienceMs - now, flight.result);
  return bulkhead.waitFor(result, () => mayNeedPlace([flight]));
}

function leaveSlow({ options: { flights }, subject, caller, flight }: Joining<unknown>): 'again' {
  caller.slowRuns++;
  flights.giveUp(subject.keyText, flight);
  return 'again';
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
 * Whether a result with unknown tags may be too old for this caller: it may depend on any tag. The token that every
 * invalidation changes can tell, if it was read.
 */
async function mayBeOutdated(joining: Joining<unknown>): Promise<boolean> {
  const { tokens } = joining.flight;
  if (!tokens) return false;
  return !tokens.has(ANY) || (await verdictOn(joining, tokens, [...tokens.keys()])) !== 'yes';
}

/**
 * Whether something that the run has taken from the cache was invalidated after that, and before this caller came.
 *
 * @param named  the tags to look at. Default: all that it has used
 */
async function hasUsedOld(joining: Joining<unknown>, named?: readonly string[]): Promise<boolean> {
  const { used } = joining.flight;
  const tags = (named ?? [...used.keys()]).filter((tag) => used.has(tag));
  return tags.length > 0 && (await verdictOn(joining, used, tags)) !== 'yes';
}

/** `unknown`: the store cannot be asked. */
type Verdict = 'yes' | 'no' | 'unknown';

/**
 * Whether a run under these tokens has read nothing that was invalidated before this caller came.
 *
 * @param tags  those to ask about. Default: all but {@link ANY}
 */
async function verdictOn(
  { options, subject, budget, caller, flight }: Joining<unknown>,
  tokens: Tokens | undefined,
  tags?: readonly string[],
): Promise<Verdict> {
  const { order, calledAtMs } = flight;
  if (order > caller.arrival) return 'yes';
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
