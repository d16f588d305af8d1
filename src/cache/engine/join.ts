import type { Ask } from './ask.js';
import type { Budget } from './budget.js';
import type { Bulkhead } from './bulkhead.js';
import type { EmitCacheEvent } from './cache-events.js';
import { within, type Clock } from './clock.js';
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
  readonly bulkhead: Bulkhead;
  readonly ask: Ask;
  readonly clock: Clock;
  readonly emit: EmitCacheEvent;
}

export interface Caller {
  /** His place in the order of flights. */
  readonly arrival: number;
  /** How many runs said nothing to him, for they were refused before the method. */
  refusals: number;
}

/** After so many runs that were refused a caller makes his own: they may all be, and wait for one another. */
const MOST_REFUSALS = 2;

/**
 * Waits for a run under way, if it is good enough for this caller, for as long as anybody waits for one.
 *
 * @returns `undefined` if it is not: then that run is out of reach, or over
 */
export async function join<T>(
  options: JoinOptions,
  subject: Subject,
  budget: Budget,
  caller: Caller,
  flight: Flight<Run<T>>,
  factory: () => Promise<Produced<T>>,
): Promise<Loaded<T> | undefined> {
  const { bulkhead, clock, emit, entries, flights } = options;
  const { arrival } = caller;
  const since = clock.monotonicMs();
  const result = () => {
    const now = clock.monotonicMs();
    return within(clock, (flight.calledAtMs ?? now) + longestRunMs(subject) - now, flight.result);
  };
  const verdict = await mayJoin(options, subject, budget, arrival, flight);
  if (verdict === 'no') {
    flights.forget(subject.keyText, flight);
    flight.onOvertaken();
  }
  if (verdict === 'unknown') await result().catch(() => undefined);
  if (verdict !== 'yes') return undefined;

  // What named no tag of its own: only what moves with every tag tells whether it is from before this caller came.
  const isOutdated = async () => {
    const everything = flight.tokens?.keys();
    return (
      everything && (await mayJoin(options, subject, budget, arrival, flight, [...everything])) !== 'yes'
    );
  };
  let run: Run<T> | undefined;
  try {
    run = await result();
  } catch (error) {
    if (subject.hasResultTags && (await isOutdated())) return undefined;
    throw error;
  }
  if (!run) return undefined;
  const { value, isShareable, isRefused, isUnnamed, how, isStored, notStoredBecause } = run;
  if (isRefused && ++caller.refusals < MOST_REFUSALS) return undefined;
  if (isShareable && isUnnamed && (await isOutdated())) return undefined;
  emit({ event: 'cache.coalesced', subject, durationMs: clock.monotonicMs() - since });
  // An entry found by the run was judged when the store was asked, which may have been before this caller came.
  const isUnproven = how === 'found' && flight.order < arrival;
  if (isUnproven && (await mayJoin(options, subject, budget, arrival, flight)) !== 'yes') return undefined;
  if (isShareable) return { value, how: 'joined', isStored, notStoredBecause };
  const produced = await (entries.isAvailable ? factory() : bulkhead.run(factory));
  return {
    value: produced.value,
    how: 'ran',
    isStored: false,
    notStoredBecause: produced.notStoredBecause,
  };
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
  // Nobody can be asked. The next run, which begins after this one, will do for all who came during this one.
  return entries.isAvailable ? 'no' : 'unknown';
}
