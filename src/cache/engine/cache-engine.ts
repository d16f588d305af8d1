import { AwaitedRuns } from './awaited-runs.js';
import { BackgroundWork, beforeTheEnd } from './background-work.js';
import { Budget } from './budget.js';
import type { CacheEntry } from './cache-entry.js';
import { reasonOf } from './cache-errors.js';
import { CurrentRun } from './current-run.js';
import type { EngineOptions } from './engine-options.js';
import type { Clock } from './clock.js';
import type { EntryStore } from './entry-store.js';
import { engineParts, type EngineParts } from './engine-parts.js';
import type { Found } from './held-entry.js';
import type { L1Entries } from './l1-entries.js';
import { SingleFlight } from './single-flight.js';
import type { Factory, Loaded, Revive } from './factory.js';
import type { Lookup, Renewal } from './lookups.js';
import type { Subject } from './subject.js';
import { byHardness, takenAway } from './tags.js';
import { tokensByTag } from './tokens.js';
import { WatchedFamilies } from './watched-families.js';

/**
 * The cache without Nest, HTTP and Redis. It keeps one promise: a value that was computed before an invalidation is never
 * given to anyone who asks after it.
 */
export class CacheEngine {
  /** Work that goes on after its answer was given: refreshes, audits, writes to the store. */
  readonly background = new BackgroundWork();
  readonly #options: EngineOptions;
  /** Absent where the cache is switched off: then every method runs, and nothing is kept. */
  readonly #parts: EngineParts | undefined;
  /** Also there when the cache is switched off, if it has a store: what others keep there must still be invalidated. */
  readonly #entries: EntryStore | undefined;
  readonly #runs: AwaitedRuns;
  readonly #flights = new SingleFlight();
  readonly #families = new WatchedFamilies();

  constructor(options: EngineOptions) {
    this.#options = options;
    const parts =
      options.store &&
      engineParts(options.store, options, {
        flights: this.#flights,
        families: this.#families,
        background: this.background,
      });
    this.#entries = parts?.entries;
    this.#parts = options.enabled ? parts : undefined;
    const { clock, emit } = options;
    this.#runs = new AwaitedRuns({
      parts: this.#parts,
      clock,
      newBudget: () => this.newBudget(),
      emit,
      background: this.background,
    });
  }

  /**
   * Announces families of tags that results may name: their tokens are read before such a method runs. A family that was
   * not announced becomes known when a tag of it first comes up.
   */
  watchFamilies(plainTags: readonly string[]): void {
    this.#families.watch(plainTags);
  }

  /** Whether it hears of invalidations by other processes now; `undefined` where there is no backplane. */
  get hearsOthers(): boolean | undefined {
    const { backplane, clock } = this.#options;
    return backplane && clock.monotonicMs() < backplane.heardUntilMs;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  /** The entries that this process holds. */
  get l1(): L1Entries {
    return this.#options.l1;
  }

  newBudget(): Budget {
    return new Budget(this.#options.clock, this.#options.requestBudgetMs);
  }

  /**
   * Returns the kept value, or else runs `factory`, and says which of the two it was.
   *
   * @param revive  makes the value from an entry
   * @throws what {@link AwaitedRuns.load} throws
   */
  async getOrSet<T>(
    subject: Subject,
    factory: Factory<T>,
    revive: Revive<T>,
  ): Promise<Loaded<T> | { readonly value: T; readonly how: 'hit' }> {
    // An audit compares an entry with its source, so what its run calls must not come from the cache either.
    if (this.#parts?.audits.isInside && subject.policy.audited)
      return { value: (await factory()).value, how: 'ran', isStored: false };
    const budget = this.newBudget();
    const looked = this.lookupHeld(subject) ?? (await this.lookup(subject, budget));
    if (looked.state !== 'hit') {
      const stale = looked.state === 'stale' ? looked.found : undefined;
      return this.load(subject, budget, factory, revive, stale);
    }
    const { entry } = looked.found;
    CurrentRun.around?.noteUsed(tokensByTag(entry.tags, entry.tokens));
    if (looked.alsoStarts === 'refresh') this.refresh(subject, factory);
    if (looked.alsoStarts === 'audit') this.audit(subject, entry, factory);
    return { value: revive(entry), how: 'hit' };
  }

  /** As {@link Lookups.lookupHeld}. */
  lookupHeld(subject: Subject): Lookup | undefined {
    return this.#parts?.lookups.lookupHeld(subject);
  }

  /** As {@link Lookups.lookup}, also where the cache is switched off. */
  lookup(subject: Subject, budget: Budget): Promise<Lookup> {
    return this.#parts?.lookups.lookup(subject, budget) ?? Promise.resolve(this.#switchedOff(subject));
  }

  /** In place of a look-up, for a caller who wants a new answer and may have one. It counts as one that found nothing. */
  skipLookup(subject: Subject): Renewal | Lookup {
    if (!this.#parts) return this.#switchedOff(subject);
    const isPastCache = !this.#parts.entries.isAvailable;
    const { emit } = this.#options;
    emit(
      isPastCache ? { event: 'cache.fallback', subject } : { event: 'cache.miss', subject, isRenewal: true },
    );
    return { state: 'renewal', isPastCache };
  }

  /** Whether this process is running the method already, and others may join. */
  isUnderWay(subject: Subject): boolean {
    return this.#parts?.sharedRuns.isUnderWay(subject) ?? false;
  }

  /** As {@link AwaitedRuns.load}. */
  load<T>(
    subject: Subject,
    budget: Budget,
    factory: Factory<T>,
    revive: Revive<T>,
    stale?: Found,
  ): Promise<Loaded<T>> {
    return this.#runs.load(subject, budget, factory, revive, stale);
  }

  /** As {@link AwaitedRuns.renew}. */
  renew<T>(subject: Subject, budget: Budget, factory: Factory<T>): Promise<Loaded<T>> {
    return this.#runs.renew(subject, budget, factory);
  }

  /** As {@link AwaitedRuns.past}. */
  runPast<T>(subject: Subject, factory: Factory<T>): Promise<T> {
    return this.#runs.past(subject, factory);
  }

  /** For work that asks for many values: while the store is away, all its runs share one place in the bulkhead. */
  inOnePlace<T>(work: () => Promise<T>): Promise<T> {
    return this.#parts?.bulkhead.inOnePlace(work) ?? work();
  }

  /** Replaces an entry before it expires, in the background and by one process for all. Never throws. */
  refresh(subject: Subject, factory: Factory<unknown>): void {
    this.#parts?.refreshAhead.begin(subject, factory);
  }

  /** Checks in the background whether the source still says what a hit was answered with. Never throws. */
  audit(subject: Subject, entry: CacheEntry, factory: Factory<unknown>): void {
    this.#parts?.audits.begin(subject, entry, factory);
  }

  /**
   * Makes every entry that depends on one of `tags` unusable, here and for everyone who shares the store.
   *
   * @param tags  one that is marked by `softTag` only outdates the entries that depend on it
   * @returns whether the store has confirmed it; never rejects
   */
  async invalidate(tags: readonly string[]): Promise<boolean> {
    const { clock, emit, invalidationBudgetMs, tracer } = this.#options;
    if (tags.length === 0) return true;
    const { hard, soft } = byHardness(tags);
    const named = [...hard, ...soft];
    this.#families.watch(named);
    // Before the store is asked: nobody who comes from now on may join a run that began earlier.
    this.#flights.doom(takenAway(hard, soft));
    this.#flights.overtake(soft);
    const sinceMs = clock.monotonicMs();
    try {
      await tracer.invalidate(tags, async () => this.#entries?.invalidate(hard, soft, invalidationBudgetMs));
      emit({ event: 'cache.invalidated', tags, durationMs: clock.monotonicMs() - sinceMs });
      return true;
    } catch (error) {
      emit({ event: 'cache.invalidate_error', tags, reason: reasonOf(error) });
      return false;
    }
  }

  /** Ends the audits and waits for the background work, for 5 s at most. */
  async close(): Promise<void> {
    this.#parts?.audits.close();
    await beforeTheEnd(this.#options.clock, this.background.settle());
  }

  #switchedOff(subject: Subject): Lookup {
    const { emit } = this.#options;
    emit({ event: 'cache.lookup', subject });
    emit({ event: 'cache.fallback', subject, reason: 'switched-off' });
    return { state: 'switched-off' };
  }
}
