import type { BackgroundWork } from './background-work.js';
import type { EmitCacheEvent } from './cache-events.js';
import type { EntryStore } from './entry-store.js';
import type { EndedRun, EntryWriter } from './entry-writer.js';
import type { FactoryRunner } from './factory-runner.js';
import type { HitForMiss } from './hit-for-miss.js';
import type { RunResult } from './join.js';
import type { Opening } from './opening.js';
import { witnessOf } from './result-tokens.js';
import type { OrderedRun, RunOrder } from './run-order.js';
import type { Flight } from './single-flight.js';
import { TOO_LARGE } from './store.js';
import type { Factory, Loaded, NewEntry, NoStoreReason } from './factory.js';
import type { Subject } from './subject.js';
import { ANY } from './tags.js';
import type { Tokens } from './tokens.js';
import type { WatchedFamilies } from './watched-families.js';

export interface OneRunOptions {
  readonly factoryRunner: FactoryRunner;
  readonly entries: EntryStore;
  readonly writer: EntryWriter;
  readonly families: WatchedFamilies;
  readonly hitForMiss: HitForMiss;
  readonly runOrder: RunOrder;
  readonly background: BackgroundWork;
  readonly emit: EmitCacheEvent;
}

/** Runs the method, gives its result, and stores that behind the answer, under the tokens that `opening` has read before. */
export async function runStored<T>(
  options: OneRunOptions,
  subject: Subject,
  flight: Flight<unknown>,
  opening: Opening,
  factory: Factory<T>,
): Promise<RunResult<T>> {
  const { factoryRunner, hitForMiss, runOrder, background, families, emit } = options;
  const { lease, tokens, isPerProcess } = opening;
  flight.releaseLease = () => {
    background.add(lease.release());
  };
  // It was doomed before there was a lease to give back.
  if (flight.isDoomed) flight.releaseLease();
  const ordered = runOrder.begin(subject.shortKeyText);
  let storing: Promise<unknown> = Promise.resolve();
  try {
    const run = { subject, flight, factory, isBounded: isPerProcess };
    const [produced, loadMs] = await factoryRunner.run(run);
    // One that was overtaken may have read what is gone by now, and says nothing of the next.
    if (!flight.isOvertaken) hitForMiss.note(subject, produced);
    const { value, isShareable, isRefused, entry, notStoredBecause } = produced;
    if (!entry) {
      const hasUnknownTags = subject.furtherTags.mayBeNamed;
      return { value, isShareable, isRefused, hasUnknownTags, how: 'ran', isStored: false, notStoredBecause };
    }

    const reason = whyUnstored(subject, flight, ordered, tokens, entry);
    if (reason) emit({ event: 'cache.no_store', subject, reason });
    else storing = store(options, subject, flight, entry, { opening, ordered, loadMs, used: flight.used });
    const hasUnknownTags = entry.namedTags.some((tag) => witnessOf(tag, tokens) === ANY);
    families.watch(entry.namedTags);
    return {
      value,
      isShareable,
      hasUnknownTags,
      namedTags: entry.namedTags,
      how: 'ran',
      isStored: reason === undefined,
      notStoredBecause: reason,
    };
  } finally {
    background.add(
      storing.then(() => {
        ordered.end();
        return lease.release();
      }),
    );
  }
}

/** Stores a result, unless it is good for nobody by now. Never rejects. */
async function store(
  { entries, writer, hitForMiss, emit }: OneRunOptions,
  subject: Subject,
  { isOvertaken, isClosed }: Flight<unknown>,
  entry: NewEntry,
  run: EndedRun,
): Promise<void> {
  const { opening } = run;
  // A flight hears of no invalidation before it began, while its opening was answered, or after it was given up.
  const mayBeOld = isOvertaken || isClosed || !entries.isQuietSince(opening, subject);
  const goodFor = mayBeOld ? await entries.goodFor(subject, opening) : 'all';
  if (goodFor === 'nobody') {
    emit({ event: 'cache.no_store', subject, reason: 'newer-write' });
    return;
  }
  const refusal = await writer.store(subject, entry, run, goodFor);
  if (refusal === TOO_LARGE) hitForMiss.remember(subject);
}

/** Runs while the store is away, for all who wait: in the bulkhead, and nothing is kept. */
export async function runUnkept<T>(
  { factoryRunner }: OneRunOptions,
  subject: Subject,
  flight: Flight<unknown>,
  factory: Factory<T>,
): Promise<RunResult<T>> {
  const [produced] = await factoryRunner.run({ subject, flight, factory, isBounded: true });
  const { value, isShareable, isRefused } = produced;
  return { value, isShareable, isRefused, how: 'ran', isStored: false, notStoredBecause: 'store-away' };
}

/** Runs for one caller: the run that they could have joined gave them nothing, or is waiting for them itself. */
export async function runAlone<T>(
  { factoryRunner, entries }: OneRunOptions,
  subject: Subject,
  factory: Factory<T>,
): Promise<Loaded<T>> {
  const [produced] = await factoryRunner.run({ subject, factory, isBounded: entries.isPerProcess });
  const { value, notStoredBecause } = produced;
  return { value, how: 'ran', isStored: false, notStoredBecause };
}

/** Why a result is not stored, as far as that is known without asking the store. */
function whyUnstored(
  subject: Subject,
  { isDoomed }: Flight<unknown>,
  ordered: OrderedRun,
  tokens: Tokens,
  { namedTags }: NewEntry,
): NoStoreReason | undefined {
  // Nobody could be given it, and it would take the place of a good one.
  if (isDoomed) return 'newer-write';
  if (ordered.isOutrun()) return 'newer-run';
  // Nothing would tell of an invalidation of that tag, so the entry could never be served.
  if (subject.tags.some((tag) => !tokens.get(tag))) return 'no-token';
  // Nothing that was read before the run can tell whether one of these tags was invalidated during it.
  return namedTags.length > 0 && !tokens.has(ANY) ? 'tags-unknown' : undefined;
}
