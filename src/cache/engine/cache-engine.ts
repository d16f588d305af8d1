import { Budget } from './budget.js';
import type { CacheEntry } from './cache-entry.js';
import type { EmitCacheEvent } from './cache-events.js';
import type { Clock } from './clock.js';
import { EntryStore, type Opened } from './entry-store.js';
import { SingleFlight, type Flight } from './single-flight.js';
import type { Store } from './store.js';
import type { Loaded, Lookup, Produced, Subject } from './subject.js';
import { ANY, EPOCH, familyTag, isPlainTag, withFamilies } from './tags.js';

export interface EngineOptions {
  readonly store: Store | undefined;
  readonly clock: Clock;
  readonly emit: EmitCacheEvent;
  /** What one request may wait for the store, in ms. */
  readonly requestBudgetMs: number;
  /** What one invalidation may wait for the store, in ms. */
  readonly invalidationBudgetMs: number;
}

/** Each is read before every method whose result names its tags; for those beyond, any invalidation counts. */
const MAX_FAMILIES = 100;

type Produce<T> = () => Promise<Produced<T>>;
type Revive<T> = (entry: CacheEntry) => T;
/** What a run gives to everyone who waits for it. */
type Run<T> = Loaded<T> & Pick<Produced<T>, 'isShareable'>;

/**
 * The promise of the whole cache: what was computed before an invalidation is never given to anyone who asks after it.
 * Tokens are read before the method runs, so a value that an invalidation overtook carries a dead token and is never
 * served, however late it is stored; and nobody joins a run whose tokens are dead.
 */
export class CacheEngine {
  readonly #options: EngineOptions;
  readonly #entries: EntryStore | undefined;
  readonly #flights = new SingleFlight();
  readonly #families = new Set<string>();
  readonly #background = new Set<Promise<unknown>>();

  constructor(options: EngineOptions) {
    const { store, clock, emit } = options;
    this.#options = options;
    this.#entries = store && new EntryStore(store, clock, emit);
  }

  /** Tokens will outlive every entry that carries them. */
  expectTtl(longestTtlMs: number): void {
    this.#entries?.expectTtl(longestTtlMs);
  }

  /** Families whose tokens are read before a method whose result names its tags. Others become known as they come up. */
  watchFamilies(plainTags: readonly string[]): void {
    for (const tag of plainTags) if (this.#families.size < MAX_FAMILIES) this.#families.add(familyTag(tag));
  }

  nowMs(): number {
    return this.#options.clock.nowMs();
  }

  newBudget(): Budget {
    return new Budget(this.#options.clock, this.#options.requestBudgetMs);
  }

  /**
   * The kept value, or what `produce` gives.
   *
   * @param revive  makes the value from an entry
   * @throws whatever `produce` throws
   */
  async getOrSet<T>(subject: Subject, produce: Produce<T>, revive: Revive<T>): Promise<T> {
    const budget = this.newBudget();
    const found = await this.lookup(subject, budget);
    if (found.state === 'hit') return revive(found.entry);
    return (await this.load(subject, budget, produce, revive)).value;
  }

  /** The entry, if there is one and everything it depends on is unchanged. Never rejects. */
  async lookup(subject: Subject, budget: Budget): Promise<Lookup> {
    const { emit } = this.#options;
    const { prefix, key } = subject;
    emit({ event: 'cache.lookup', prefix, key });
    const read = await this.#ask(subject, budget, (entries) => entries.read(subject, budget));
    if (!read) {
      emit({ event: 'cache.fallback', prefix, key });
      return { state: 'bypass' };
    }
    const entry = read.answer;
    if (!entry) {
      emit({ event: 'cache.miss', prefix, key });
      return { state: 'miss' };
    }
    emit({ event: 'cache.hit', prefix, key, bytes: entry.body.length });
    return { state: 'hit', entry };
  }

  /**
   * Runs `produce`, or waits for the run of the same key that is already under way in this process.
   *
   * @throws whatever `produce` throws; it reaches everyone who waited and is never stored
   */
  async load<T>(
    subject: Subject,
    budget: Budget,
    produce: Produce<T>,
    revive: Revive<T>,
  ): Promise<Loaded<T>> {
    if (!this.#entries) return { value: (await produce()).value, how: 'ran', isStored: false };
    const { keyText } = subject;
    for (;;) {
      const flying = this.#flights.find<Run<T>>(keyText);
      if (!flying) break;
      const joined = await this.#join(subject, budget, flying, produce);
      if (joined) return joined;
      this.#flights.forget(keyText, flying);
    }
    // From here to the start nothing is awaited, or two callers would both find nothing to join.
    const families = subject.hasResultTags ? [...this.#families] : [];
    const dependencies = {
      certain: [EPOCH, ...subject.tags],
      possible: subject.hasResultTags ? [ANY, ...families] : [],
    };
    return this.#flights.start<Run<T>>(keyText, dependencies, async (flight) => {
      const opened = (await this.#ask(subject, budget, (entries) => entries.open(subject, families, budget)))
        ?.answer;
      flight.tokens = opened?.tokens;
      flight.isOpened = true;
      if (opened?.entry)
        return { value: revive(opened.entry), isShareable: true, how: 'found', isStored: true };
      return this.#run(subject, flight, opened, produce);
    }).result;
  }

  /**
   * Makes every entry that depends on one of `tags` unusable, here and for everyone who shares the store.
   *
   * @returns whether the store has confirmed it; never rejects
   */
  async invalidate(tags: readonly string[]): Promise<boolean> {
    const { clock, emit, invalidationBudgetMs } = this.#options;
    if (tags.length === 0) return true;
    this.watchFamilies(tags.filter(isPlainTag));
    const inOrder = withFamilies(tags);
    this.#flights.doom(inOrder);
    const since = clock.monotonicMs();
    try {
      await this.#entries?.drop(inOrder, invalidationBudgetMs);
      emit({ event: 'cache.invalidated', tags, durationMs: clock.monotonicMs() - since });
      return true;
    } catch (error) {
      emit({ event: 'cache.invalidate_error', tags, reason: reasonOf(error) });
      return false;
    }
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

  /** Whether a run under way has read nothing that was invalidated before this caller came. */
  async #mayJoin(subject: Subject, budget: Budget, { tokens, isOpened }: Flight<unknown>): Promise<boolean> {
    // Under way without tokens it can vouch for nothing: only who cannot ask either takes what it gives.
    if (!tokens) return !isOpened || !this.#entries?.isAvailable;
    const current = await this.#ask(subject, budget, (entries) => entries.isCurrent(subject, tokens, budget));
    return current?.answer ?? false;
  }

  async #join<T>(
    subject: Subject,
    budget: Budget,
    flight: Flight<Run<T>>,
    produce: Produce<T>,
  ): Promise<Loaded<T> | undefined> {
    const { clock, emit } = this.#options;
    if (!(await this.#mayJoin(subject, budget, flight))) return undefined;
    const since = clock.monotonicMs();
    const { value, isShareable, how, isStored } = await flight.result;
    const durationMs = clock.monotonicMs() - since;
    emit({ event: 'cache.coalesced', prefix: subject.prefix, key: subject.key, durationMs });
    // An entry found by the run was judged when the store was asked, which may have been before this caller came.
    if (how === 'found' && !(await this.#mayJoin(subject, budget, flight))) return undefined;
    if (isShareable) return { value, how: 'joined', isStored };
    return { value: (await produce()).value, how: 'ran', isStored: false };
  }

  async #run<T>(
    subject: Subject,
    flight: Flight<Run<T>>,
    opened: Opened | undefined,
    produce: Produce<T>,
  ): Promise<Run<T>> {
    const { clock, emit } = this.#options;
    const { prefix, key } = subject;
    const since = clock.monotonicMs();
    const produced = await produce();
    emit({ event: 'cache.loaded', prefix, key, durationMs: clock.monotonicMs() - since });

    const { value, isShareable, entry, notStoredBecause } = produced;
    if (notStoredBecause) emit({ event: 'cache.no_store', prefix, key, reason: notStoredBecause });
    // What was not going to be stored has not named what it depends on.
    if (!entry)
      return { value, isShareable: isShareable && !subject.hasResultTags, how: 'ran', isStored: false };
    if (!opened) return { value, isShareable, how: 'ran', isStored: false };

    this.keep(this.#store(subject, flight, opened, entry));
    const isWatched = entry.resultTags.every((tag) => opened.tokens.has(familyTag(tag)));
    this.watchFamilies(entry.resultTags);
    // Who joined could see only that the watched families had not moved. Of another family nobody could say.
    return { value, isShareable: isShareable && isWatched, how: 'ran', isStored: !flight.isDoomed };
  }

  async #store(
    subject: Subject,
    flight: Flight<unknown>,
    opened: Opened,
    entry: NonNullable<Produced<unknown>['entry']>,
  ): Promise<void> {
    const { emit } = this.#options;
    const { prefix, key } = subject;
    try {
      // A doomed result would only take the place of a good one.
      if (!flight.isDoomed && (await this.#entries?.put(subject, opened.tokens, entry))) return;
      emit({ event: 'cache.no_store', prefix, key, reason: 'newer-write' });
    } catch (error) {
      emit({ event: 'cache.set_error', prefix, key, reason: reasonOf(error) });
    }
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
      const { prefix, key } = subject;
      this.#options.emit({ event: 'cache.get_error', prefix, key, reason: reasonOf(error) });
      return undefined;
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown';
}
