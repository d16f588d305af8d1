import type { Ask } from './ask.js';
import type { Budget } from './budget.js';
import type { EmitCacheEvent } from './cache-events.js';
import { resultWithin, type Clock } from './clock.js';
import { CurrentRun } from './current-run.js';
import type { EntryStore } from './entry-store.js';
import { longestRunMs } from './opening.js';
import type { Flight, SingleFlight } from './single-flight.js';
import type { Loaded, Produced, Subject } from './subject.js';

/** What a run gives to everyone who waits for it. */
export type Run<T> = Loaded<T> &
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
  /** How many runs said nothing to them: their own callers were refused before the method, or it was theirs alone. */
  refusals: number;
}

/**
 * Waits for a run under way, if it is good enough for this caller, for as long as anybody waits for one.
 *
 * @returns `'again'` if it is not: then that run is out of reach, or over. `'alone'` where its result is its own
 *   caller's, and this one shall make their own
 */
export async function join<T>(
  options: JoinOptions,
  subject: Subject,
  budget: Budget,
  caller: Caller,
  flight: Flight<Run<T>>,
): Promise<Loaded<T> | 'again' | 'alone'> {
  const { clock, emit, flights } = options;
  const { arrival } = caller;
  const since = clock.monotonicMs();
  const result = () => {
    const now = clock.monotonicMs();
    return resultWithin(clock, (flight.calledAtMs ?? now) + longestRunMs(subject) - now, flight.result);
  };
  const verdictOn = (tags?: readonly string[]) => mayJoin(options, subject, budget, arrival, flight, tags);
  const verdict = await verdictOn();
  if (verdict === 'no') {
    flights.forget(subject.keyText, flight);
    flight.onOvertaken();
  }
  if (verdict === 'unknown') await result().catch(() => undefined);
  if (verdict !== 'yes') return 'again';

  // What named no tag of its own: only what moves with every tag tells whether it is from before this caller came.
  const isOutdated = async () => {
    const everything = flight.tokens?.keys();
    return everything && (await verdictOn([...everything])) !== 'yes';
  };
  let run: Run<T> | undefined;
  try {
    run = await result();
  } catch (error) {
    if (flight.isOwn) return 'again';
    if (subject.hasResultTags && (await isOutdated())) return 'again';
    throw error;
  }
  if (!run) return 'again';
  const { value, isShareable, isRefused, isUnnamed, how, isStored, notStoredBecause } = run;
  if (isRefused || flight.isOwn)
    return flight.leftAlone++ < mayBeRefusedToo(++caller.refusals) ? 'alone' : 'again';
  if (isShareable && isUnnamed && (await isOutdated())) return 'again';
  // An entry found by the run was judged when the store was asked, which may have been before this caller came.
  const isUnproven = how === 'found' && flight.order < arrival;
  if (isUnproven && (await verdictOn()) !== 'yes') return 'again';
  if (!isShareable) return 'alone';
  if (notStoredBecause === 'stale-inside') CurrentRun.around?.spoil(notStoredBecause);
  emit({ event: 'cache.coalesced', subject, durationMs: clock.monotonicMs() - since });
  return { value, how: 'joined', isStored, notStoredBecause };
}

/**
 * How many do not wait for the next run: 0, 1, 3, 7, … of those who waited in vain. Where all are refused, no more than a
 * few runs follow one another; where one is not, nearly all the others share theirs.
 */
function mayBeRefusedToo(refusals: number): number {
  return 2 ** Math.min(refusals - 1, 10) - 1;
}

/**
 * Whether a run under way has read nothing that was invalidated before this caller came.
 *
 * @param tags  what to ask about; by default what it depends on as far as anybody knows
 */
async function mayJoin(
  { ask, entries }: JoinOptions,
  subject: Subject,
  budget: Budget,
  arrival: number,
  { order, calledAtMs, tokens }: Flight<unknown>,
  tags?: readonly string[],
): Promise<'yes' | 'no' | 'unknown'> {
  if (order > arrival) return 'yes';
  if (tokens) {
    const current = await ask(subject, budget, (asked) =>
      asked.isCurrent(subject, tokens, calledAtMs ?? -Infinity, budget, tags),
    );
    if (current) return current.answer ? 'yes' : 'no';
  } else if (calledAtMs === undefined) return 'yes';
  // Nobody can be asked, or not by this caller any more. The next run, which begins after this one, will do for all who
  // came during this one.
  return entries.isAvailable && budget.leftMs > 0 ? 'no' : 'unknown';
}
