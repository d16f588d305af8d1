import type { BackgroundWork } from './background-work.js';
import type { EmitCacheEvent } from './cache-events.js';
import type { EntryStore } from './entry-store.js';
import type { EntryWriter } from './entry-writer.js';
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

/** Runs under the tokens of `opening`, and stores what that gives, behind the answer. */
export async function runStored<T>(
  options: OneRunOptions,
  subject: Subject,
  flight: Flight<unknown>,
  opening: Opening,
  factory: Factory<T>,
): Promise<RunResult<T>> {
  const { factoryRunner, hitForMiss, runOrder, background, families, emit } = options;
  const { lease, tokens, isForOne } = opening;
  flight.releaseLease = () => {
    background.add(lease.release());
  };
  // When it became known that nothing of it will be kept, there was no lease to give back yet.
  if (flight.isDoomed) flight.releaseLease();
  const ordered = runOrder.begin(subject.name);
  let storing: Promise<unknown> = Promise.resolve();
  try {
    const [produced, loadMs] = await (isForOne
      ? factoryRunner.runBounded(subject, flight, factory)
      : factoryRunner.run(subject, flight, factory));
    // What it read may not be there any more.
    if (!flight.isOvertaken) hitForMiss.note(subject, produced);
    const { value, isShareable, isRefused, entry, notStoredBecause } = produced;
    if (!entry) {
      const isUnnamed = subject.furtherTags.mayBeNamed;
      return { value, isShareable, isRefused, isUnnamed, how: 'ran', isStored: false, notStoredBecause };
    }

    const reason = whyUnstored(subject, flight, ordered, tokens, entry);
    if (reason) emit({ event: 'cache.no_store', subject, reason });
    else storing = store(options, subject, flight, ordered, opening, entry, loadMs);
    const isWatched = entry.namedTags.every((tag) => witnessOf(tag, tokens) !== ANY);
    families.watch(entry.namedTags);
    // Who joins asks about the families that were read: of another one only what moves with every tag tells.
    return {
      value,
      isShareable,
      isUnnamed: !isWatched,
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

/** Never rejects. */
async function store(
  { entries, writer, hitForMiss, emit }: OneRunOptions,
  subject: Subject,
  { isOvertaken, isClosed }: Flight<unknown>,
  ordered: OrderedRun,
  opening: Opening,
  entry: NewEntry,
  loadMs: number,
): Promise<void> {
  // Nobody tells a flight what came before it began, while its opening was answered, or after it was given up.
  const mayBeOld = isOvertaken || isClosed || !entries.isQuietSince(opening, subject);
  const goodFor = mayBeOld ? await entries.goodFor(subject, opening) : 'all';
  if (goodFor === 'nobody') {
    emit({ event: 'cache.no_store', subject, reason: 'newer-write' });
    return;
  }
  const refusal = await writer.store(subject, entry, { opening, ordered, loadMs, goodFor });
  if (refusal === TOO_LARGE) hitForMiss.remember(subject);
}

/** Runs for all who wait while the store is away: in the bulkhead, and nothing is kept. */
export async function runUnkept<T>(
  { factoryRunner }: OneRunOptions,
  subject: Subject,
  flight: Flight<unknown>,
  factory: Factory<T>,
): Promise<RunResult<T>> {
  const [{ value, isShareable, isRefused }] = await factoryRunner.runBounded(subject, flight, factory);
  return { value, isShareable, isRefused, how: 'ran', isStored: false, notStoredBecause: 'store-away' };
}

/** Runs for one caller: the run that they could join gave them nothing, or waits for them itself. */
export async function runAlone<T>(
  { factoryRunner, entries }: OneRunOptions,
  subject: Subject,
  factory: Factory<T>,
): Promise<Loaded<T>> {
  const [{ value, notStoredBecause }] = await (entries.isForOne
    ? factoryRunner.runBounded(subject, undefined, factory)
    : factoryRunner.run(subject, undefined, factory));
  return { value, how: 'ran', isStored: false, notStoredBecause };
}

function whyUnstored(
  subject: Subject,
  { isDoomed }: Flight<unknown>,
  ordered: OrderedRun,
  tokens: Tokens,
  { namedTags }: NewEntry,
): NoStoreReason | undefined {
  // It would only take the place of a good one.
  if (isDoomed) return 'newer-write';
  if (ordered.isOutrun()) return 'newer-run';
  // Where the store gave no token of something it depends on, nothing would tell of an invalidation: it is never a hit.
  if (subject.tags.some((tag) => !tokens.get(tag))) return 'no-token';
  // Nothing was read before it that could tell whether one of them has changed meanwhile.
  return namedTags.length > 0 && !tokens.has(ANY) ? 'tags-unknown' : undefined;
}
