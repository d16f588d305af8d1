import type { Backplane } from './backplane.js';
import { Budget } from './budget.js';
import { Bulkhead, type BulkheadOptions } from './bulkhead.js';
import type { CacheEntry } from './cache-entry.js';
import { CacheError } from './cache-errors.js';
import type { EmitCacheEvent } from './cache-events.js';
import { pause, type Clock } from './clock.js';
import { Coherence } from './coherence.js';
import { EntryStore, type Opened } from './entry-store.js';
import { LoadLease } from './load-lease.js';
import type { HeldEntry, NearEntries } from './near-entries.js';
import { withPatience } from './patience.js';
import { RefreshAhead } from './refresh-ahead.js';
import { SingleFlight, type Flight } from './single-flight.js';
import type { Store } from './store.js';
import type { Found, Loaded, Lookup, Produced, Subject } from './subject.js';
import { ANY, byHardness, EPOCH, familiesOf, familyTag, isPlainTag } from './tags.js';

export interface EngineOptions {
  /** Absent: nothing is kept, every method runs. */
  readonly store: Store | undefined;
  /** The entries of this process; the store's own, where the store is this process. */
  readonly near: NearEntries;
  /** How invalidations by other processes are heard; absent where there are none, or where they are not heard. */
  readonly backplane?: Backplane | undefined;
  readonly clock: Clock;
  readonly emit: EmitCacheEvent;
  /** What one request may wait for the store, in ms. */
  readonly requestBudgetMs: number;
  /** What one invalidation may wait for the store, in ms. */
  readonly invalidationBudgetMs: number;
  /** What runs at a time while the store is away. Default: 32, 1,000 waiting for at most 2 s. */
  readonly bulkhead?: BulkheadOptions | undefined;
  /** The part of a TTL that an entry may lose at random, 0 to 1. */
  readonly jitter: number;
}

/** Each is read before every method whose result names its tags; for those beyond, any invalidation counts. */
const MAX_FAMILIES = 100;
/** Pauses between looks for what another process is computing, ms: doubled up to the second, with jitter. */
const [FIRST_LOOK_MS, LATER_LOOK_MS] = [20, 200];
/** Who has waited so long for another process runs the method itself. */
const MAX_WAIT_FOR_OTHERS_MS = 10_000;

type Produce<T> = () => Promise<Produced<T>>;
type Revive<T> = (entry: CacheEntry) => T;
/** What a run gives to everyone who waits for it. */
type Run<T> = Loaded<T> & Pick<Produced<T>, 'isShareable'>;
/** Tokens to run under, and the lease to be given back after. */
type Opening = Opened & { readonly lease: LoadLease };

/**
 * The promise of the whole cache: what was computed before an invalidation is never given to anyone who asks after it.
 * Tokens are read before the method runs, so a value that an invalidation overtook carries a dead token and is never
 * served, however late it is stored; and nobody joins a run whose tokens are dead.
 */
export class CacheEngine {
  readonly #options: EngineOptions;
  readonly #entries: EntryStore | undefined;
  readonly #flights = new SingleFlight();
  readonly #refreshes: RefreshAhead;
  readonly #bulkhead: Bulkhead;
  readonly #families = new Set<string>();
  readonly #background = new Set<Promise<unknown>>();

  constructor(options: EngineOptions) {
    const { store, near, clock, emit, backplane, jitter } = options;
    this.#options = options;
    this.#refreshes = new RefreshAhead(clock);
    this.#bulkhead = new Bulkhead(clock, options.bulkhead ?? { concurrency: 32, queue: 1000, waitMs: 2000 });
    if (!store) return;
    const coherence = new Coherence(clock, backplane, store.kind === 'memory' && !backplane);
    backplane?.listen({
      onInvalidated: (tags) => {
        this.#flights.overtake(tags);
      },
      onGap: () => undefined,
    });
    const jittered = (ttlMs: number) => Math.max(1, Math.round(ttlMs * (1 - jitter * Math.random())));
    this.#entries = new EntryStore({ store, near, coherence, clock, emit, jittered });
  }

  /** Tokens will outlive every entry that carries them. */
  expectTtl(longestTtlMs: number): void {
    this.#entries?.expectTtl(longestTtlMs);
  }

  /** Families whose tokens are read before a method whose result names its tags. Others become known as they come up. */
  watchFamilies(plainTags: readonly string[]): void {
    for (const tag of plainTags) if (this.#families.size < MAX_FAMILIES) this.#families.add(familyTag(tag));
  }

  newBudget(): Budget {
    return new Budget(this.#options.clock, this.#options.requestBudgetMs);
  }

  /**
   * The kept value, or what `produce` gives.
   *
   * @param revive  makes the value from an entry
   * @throws what {@link load} throws
   */
  async getOrSet<T>(subject: Subject, produce: Produce<T>, revive: Revive<T>): Promise<T> {
    const budget = this.newBudget();
    const looked = this.peek(subject) ?? (await this.lookup(subject, budget));
    if (looked.state !== 'hit') {
      const stale = looked.state === 'stale' ? looked.found : undefined;
      return (await this.load(subject, budget, produce, revive, stale)).value;
    }
    if (looked.isDue) this.refresh(subject, produce);
    return revive(looked.found.entry);
  }

  /** A hit for which nobody needs to be asked, at once; else `undefined`. */
  peek(subject: Subject): Lookup | undefined {
    const held = this.#entries?.near(subject);
    if (!held || !this.#entries?.isTrusted(held, subject)) return undefined;
    this.#options.emit({ event: 'cache.lookup', subject });
    return this.#serve(subject, held);
  }

  /** The entry, if there is one and everything it depends on is unchanged. Never rejects. */
  async lookup(subject: Subject, budget: Budget): Promise<Lookup> {
    const { emit } = this.#options;
    emit({ event: 'cache.lookup', subject });
    const looked = await this.#ask(subject, budget, async (entries) => {
      const near = entries.near(subject);
      if (near && (await entries.isValid(near, subject, budget))) return near;
      return entries.read(subject, budget);
    });
    if (!looked) {
      emit({ event: 'cache.fallback', subject });
      return { state: 'bypass' };
    }
    if (looked.answer) return this.#serve(subject, looked.answer);
    emit({ event: 'cache.miss', subject });
    return { state: 'miss' };
  }

  /**
   * Runs `produce`, or waits for the run of the same key that is already under way, here or in another process.
   *
   * @param stale  what may be given instead, if the run fails or takes longer than the policy's soft timeout
   * @throws whatever `produce` throws; it reaches everyone who waited and is never stored
   * @throws {CacheError} `CACHE_FACTORY_TIMED_OUT` after the hard timeout, `CACHE_OVERLOADED` if the store is away and
   *   too many wait
   */
  async load<T>(
    subject: Subject,
    budget: Budget,
    produce: Produce<T>,
    revive: Revive<T>,
    stale?: Found,
  ): Promise<Loaded<T>> {
    const run = this.#entries
      ? this.#joinOrRun(subject, budget, produce, revive)
      : produce().then(({ value }): Loaded<T> => ({ value, how: 'ran', isStored: false }));
    return withPatience(
      run,
      subject.policy,
      this.#options.clock,
      () => {
        this.keep(run.catch(() => undefined));
      },
      stale &&
        ((reason) => {
          this.#options.emit({ event: 'cache.stale_served', subject, reason, staleMs: -stale.freshForMs });
          return { value: revive(stale.entry), how: 'stale', isStored: false };
        }),
    );
  }

  /** Has an entry replaced before it expires, behind the answers, by one process for all. Never rejects. */
  refresh(subject: Subject, produce: Produce<unknown>): void {
    this.keep(
      this.#refresh(subject, produce).catch((error: unknown) => {
        this.#options.emit({ event: 'cache.refresh_failed', subject, reason: reasonOf(error) });
      }),
    );
  }

  /**
   * Makes every entry that depends on one of `tags` unusable, here and for everyone who shares the store.
   *
   * @param tags  those marked by `softTag` only outdate what they name
   * @returns whether the store has confirmed it; never rejects
   */
  async invalidate(tags: readonly string[]): Promise<boolean> {
    const { clock, emit, invalidationBudgetMs } = this.#options;
    if (tags.length === 0) return true;
    const { hard, soft } = byHardness(tags);
    this.watchFamilies([...hard, ...soft].filter(isPlainTag));
    this.#flights.doom([...familiesOf([...hard, ...soft]), ...hard]);
    this.#flights.overtake(soft);
    const since = clock.monotonicMs();
    try {
      await this.#entries?.invalidate(tags, invalidationBudgetMs);
      emit({ event: 'cache.invalidated', tags, durationMs: clock.monotonicMs() - since });
      return true;
    } catch (error) {
      emit({ event: 'cache.invalidate_error', tags, reason: reasonOf(error) });
      return false;
    }
  }

  /** @see NearEntries.charge */
  charge(entry: CacheEntry, bytes: number): boolean {
    return this.#options.near.charge(entry, bytes);
  }

  /** Owns work that nobody waits for, until it is done. It must not reject. */
  keep(work: Promise<unknown>): void {
    this.#background.add(work);
    void work.finally(() => this.#background.delete(work));
  }

  /** Resolves when nothing runs behind the answers any more. */
  async settle(): Promise<void> {
    while (this.#background.size > 0) await Promise.allSettled(this.#background);
  }

  #serve(subject: Subject, held: HeldEntry): Lookup {
    const found = standing(held, this.#options.clock);
    if (found.freshForMs <= 0) return { state: 'stale', found };
    this.#options.emit({ event: 'cache.hit', subject, bytes: found.entry.body.length });
    return { state: 'hit', found, isDue: this.#refreshes.isDue(subject, found) };
  }

  async #joinOrRun<T>(
    subject: Subject,
    budget: Budget,
    produce: Produce<T>,
    revive: Revive<T>,
  ): Promise<Loaded<T>> {
    const arrival = this.#flights.arrive();
    for (;;) {
      const flying = this.#flights.find<Run<T>>(subject.keyText);
      // From here to the start nothing is awaited, or two callers would both find nothing to join.
      if (!flying)
        return this.#fly(subject, (flight) => this.#open(subject, budget, flight, revive), produce);
      const joined = await this.#join(subject, budget, arrival, flying, produce);
      if (joined) return joined;
    }
  }

  async #join<T>(
    subject: Subject,
    budget: Budget,
    arrival: number,
    flight: Flight<Run<T>>,
    produce: Produce<T>,
  ): Promise<Loaded<T> | undefined> {
    const { clock, emit } = this.#options;
    const since = clock.monotonicMs();
    const verdict = await this.#mayJoin(subject, budget, arrival, flight);
    if (verdict === 'no') {
      this.#flights.forget(subject.keyText, flight);
      flight.onOvertaken();
    }
    if (verdict === 'unknown') await flight.result.catch(() => undefined);
    if (verdict !== 'yes') return undefined;

    const { value, isShareable, how, isStored } = await flight.result;
    emit({ event: 'cache.coalesced', subject, durationMs: clock.monotonicMs() - since });
    // An entry found by the run was judged when the store was asked, which may have been before this caller came.
    if (
      how === 'found' &&
      flight.order < arrival &&
      (await this.#mayJoin(subject, budget, arrival, flight)) !== 'yes'
    )
      return undefined;
    if (isShareable) return { value, how: 'joined', isStored };
    return { value: (await produce()).value, how: 'ran', isStored: false };
  }

  /** Whether a run under way has read nothing that was invalidated before this caller came. */
  async #mayJoin(
    subject: Subject,
    budget: Budget,
    arrival: number,
    { order, calledAtMs, tokens }: Flight<unknown>,
  ): Promise<'yes' | 'no' | 'unknown'> {
    if (order > arrival || calledAtMs === undefined) return 'yes';
    const current =
      tokens &&
      (await this.#ask(subject, budget, (entries) => entries.isCurrent(subject, tokens, calledAtMs, budget)));
    if (current) return current.answer ? 'yes' : 'no';
    // Nobody can be asked. The next run, which begins after this one, will do for all who came during this one.
    return this.#entries?.isAvailable ? 'no' : 'unknown';
  }

  /** @param open  gives tokens to run under, or nothing where the store is away; or what makes a run needless */
  #fly<T>(
    subject: Subject,
    open: (flight: Flight<Run<T>>) => Promise<Opening | Run<T> | undefined>,
    produce: Produce<T>,
  ): Promise<Run<T>> {
    const dependencies = { certain: [EPOCH, ...subject.tags], possible: this.#possibleTags(subject) };
    const flight = this.#flights.start<Run<T>>(subject.keyText, dependencies, async (own) => {
      const opening = await open(own);
      if (opening && 'how' in opening) return opening;
      return opening ? this.#run(subject, own, opening, produce) : this.#runUnkept(subject, own, produce);
    });
    return flight.result;
  }

  /** Tokens and the lease; or the entry, once another process has stored it. */
  async #open<T>(
    subject: Subject,
    budget: Budget,
    { dependencies }: Flight<unknown>,
    revive: Revive<T>,
  ): Promise<Opening | Run<T> | undefined> {
    const { clock, requestBudgetMs } = this.#options;
    const giveUpAtMs = clock.monotonicMs() + MAX_WAIT_FOR_OTHERS_MS;
    let opened = await this.#tryOpen(subject, budget, dependencies.possible);
    for (let looks = 0; opened && !opened.hasLease && clock.monotonicMs() < giveUpAtMs; looks++) {
      if (isFresh(opened.held, clock)) break;
      await pause(clock, Math.min(FIRST_LOOK_MS * 2 ** looks, LATER_LOOK_MS) * (0.5 + Math.random()));
      opened = await this.#tryOpen(subject, new Budget(clock, requestBudgetMs), dependencies.possible);
    }
    if (!opened?.held || !isFresh(opened.held, clock)) return opened;
    await opened.lease.release();
    return { value: revive(opened.held.entry), isShareable: true, how: 'found', isStored: true };
  }

  async #tryOpen(
    subject: Subject,
    budget: Budget,
    possible: readonly string[],
  ): Promise<Opening | undefined> {
    const { store, clock } = this.#options;
    if (!store) return undefined;
    const lease = new LoadLease(store, subject, clock);
    const opened = await this.#ask(subject, budget, (entries) =>
      entries.open(subject, possible, budget, lease.lease),
    );
    if (opened?.answer.hasLease) {
      const { tokens } = opened.answer;
      lease.hold(async () => {
        const current = await this.#ask(subject, this.newBudget(), (entries) =>
          entries.isCurrent(subject, tokens, clock.monotonicMs(), this.newBudget()),
        );
        return current?.answer ?? true;
      });
    }
    return opened && { ...opened.answer, lease };
  }

  async #run<T>(
    subject: Subject,
    flight: Flight<unknown>,
    opening: Opening,
    produce: Produce<T>,
  ): Promise<Run<T>> {
    const { lease, tokens } = opening;
    flight.tokens = tokens;
    flight.onOvertaken = () => {
      this.keep(lease.release());
    };
    let storing: Promise<unknown> = Promise.resolve();
    try {
      const [{ value, isShareable, entry }, loadMs] = await this.#call(subject, flight, produce);
      // What was not going to be stored has not named what it depends on.
      if (!entry)
        return { value, isShareable: isShareable && !subject.hasResultTags, how: 'ran', isStored: false };

      storing = this.#store(subject, flight, opening, entry, loadMs);
      const isWatched = entry.resultTags.every((tag) => tokens.has(familyTag(tag)));
      this.watchFamilies(entry.resultTags);
      // Who joined could see only that the watched families had not moved. Of another family nobody could say.
      return { value, isShareable: isShareable && isWatched, how: 'ran', isStored: !flight.isDoomed };
    } finally {
      this.keep(storing.then(() => lease.release()));
    }
  }

  async #runUnkept<T>(subject: Subject, flight: Flight<unknown>, produce: Produce<T>): Promise<Run<T>> {
    try {
      const [{ value, isShareable }] = await this.#bulkhead.run(() => this.#call(subject, flight, produce));
      return { value, isShareable, how: 'ran', isStored: false };
    } catch (error) {
      if (error instanceof CacheError && error.code === 'CACHE_OVERLOADED')
        this.#options.emit({ event: 'cache.overloaded', subject });
      throw error;
    }
  }

  async #call<T>(
    subject: Subject,
    flight: Flight<unknown>,
    produce: Produce<T>,
  ): Promise<[Produced<T>, loadMs: number]> {
    const { clock, emit } = this.#options;
    const since = clock.monotonicMs();
    flight.calledAtMs = since;
    const produced = await produce();
    const loadMs = clock.monotonicMs() - since;
    emit({ event: 'cache.loaded', subject, durationMs: loadMs });
    const { notStoredBecause } = produced;
    if (notStoredBecause) emit({ event: 'cache.no_store', subject, reason: notStoredBecause });
    return [produced, loadMs];
  }

  async #store(
    subject: Subject,
    flight: Flight<unknown>,
    opening: Opening,
    entry: NonNullable<Produced<unknown>['entry']>,
    loadMs: number,
  ): Promise<void> {
    const { emit } = this.#options;
    try {
      // A doomed result would only take the place of a good one.
      if (!flight.isDoomed && (await this.#entries?.put(subject, opening, entry, loadMs))) return;
      emit({ event: 'cache.no_store', subject, reason: 'newer-write' });
    } catch (error) {
      emit({ event: 'cache.set_error', subject, reason: reasonOf(error) });
    }
  }

  async #refresh(subject: Subject, produce: Produce<unknown>): Promise<void> {
    const opening = await this.#tryOpen(subject, this.newBudget(), this.#possibleTags(subject));
    if (!opening?.hasLease) return;
    const isDone =
      opening.held && !this.#refreshes.isSoon(subject, standing(opening.held, this.#options.clock));
    if (isDone || this.#flights.find(subject.keyText)) await opening.lease.release();
    else await this.#fly(subject, () => Promise.resolve(opening), produce);
  }

  /** Families that the result may name. */
  #possibleTags(subject: Subject): string[] {
    return subject.hasResultTags ? [ANY, ...this.#families] : [];
  }

  /** One question to the store, while there is a budget. After the first that fails, the request asks no more. */
  async #ask<T>(
    subject: Subject,
    budget: Budget,
    question: (entries: EntryStore) => Promise<T>,
  ): Promise<{ readonly answer: T } | undefined> {
    if (!this.#entries?.isAvailable || budget.leftMs === 0) {
      budget.exhaust();
      return undefined;
    }
    try {
      return { answer: await question(this.#entries) };
    } catch (error) {
      budget.exhaust();
      this.#options.emit({ event: 'cache.get_error', subject, reason: reasonOf(error) });
      return undefined;
    }
  }
}

function standing({ entry, bornAtMs, freshUntilMs }: HeldEntry, clock: Clock): Found {
  const now = clock.monotonicMs();
  return { entry, ageMs: Math.max(0, now - bornAtMs), freshForMs: freshUntilMs - now };
}

function isFresh(held: HeldEntry | undefined, clock: Clock): boolean {
  return held !== undefined && held.freshUntilMs > clock.monotonicMs();
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown';
}
