import { Budget } from './budget.js';
import { decodeEntry, encodeEntry, type CacheEntry } from './cache-entry.js';
import type { EmitCacheEvent } from './cache-events.js';
import type { Clock } from './clock.js';
import { SingleFlight, type Flight } from './single-flight.js';
import type { Store, StoreRead } from './store.js';
import type { Loaded, Lookup, Produced, Subject } from './subject.js';
import { isAlive, tokensByTag } from './tokens.js';
import { ANY, EPOCH, familyTag, isPlainTag } from './tags.js';

export interface EngineOptions {
  readonly store: Store | undefined;
  readonly clock: Clock;
  readonly emit: EmitCacheEvent;
  /** What one request may wait for the store, in ms. */
  readonly requestBudgetMs: number;
  /** What one invalidation may wait for the store, in ms. */
  readonly invalidationBudgetMs: number;
}

/** What a run gives to everyone who waits for it. */
type Run<T> = Loaded<T> & Pick<Produced<T>, 'isShareable'>;

/**
 * The promise of the whole cache in one place: an entry is served only while every token it was computed under is
 * still the present one. Tokens are read before the method runs, so a value that an invalidation overtook carries a
 * dead token and is never served, however late it is stored.
 */
export class CacheEngine {
  readonly #options: EngineOptions;
  readonly #flights = new SingleFlight();
  readonly #families = new Set<string>();
  readonly #background = new Set<Promise<void>>();
  #tokenTtlMs = 2 * 3_600_000;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** Tokens must outlive every entry that carries them. */
  expectTtl(longestTtlMs: number): void {
    this.#tokenTtlMs = Math.max(this.#tokenTtlMs, 2 * longestTtlMs);
  }

  /** Families whose tokens are read before a method whose result names its tags. */
  watchFamilies(plainTags: readonly string[]): void {
    for (const tag of plainTags) this.#families.add(familyTag(tag));
  }

  nowMs(): number {
    return this.#options.clock.nowMs();
  }

  newBudget(): Budget {
    return new Budget(this.#options.clock, this.#options.requestBudgetMs);
  }

  /** The entry, if there is one and everything it depends on is unchanged. Never rejects. */
  async lookup(subject: Subject, budget: Budget): Promise<Lookup> {
    const { store, emit } = this.#options;
    const { prefix, key } = subject;
    emit({ event: 'cache.lookup', prefix, key });
    if (!store?.isAvailable()) {
      budget.exhaust();
      emit({ event: 'cache.fallback', prefix, key });
      return { state: 'bypass' };
    }
    try {
      const tags = [EPOCH, ...subject.tags];
      const entry = await this.#judge(subject, tags, await store.read(key, tags, budget.leftMs), budget);
      if (!entry) {
        emit({ event: 'cache.miss', prefix, key });
        return { state: 'miss' };
      }
      emit({ event: 'cache.hit', prefix, key, bytes: entry.body.length });
      return { state: 'hit', entry };
    } catch (error) {
      budget.exhaust();
      emit({ event: 'cache.get_error', prefix, key, reason: reasonOf(error) });
      emit({ event: 'cache.fallback', prefix, key });
      return { state: 'bypass' };
    }
  }

  /**
   * The kept value, or what `produce` gives.
   *
   * @param revive  makes the value from an entry
   * @throws whatever `produce` throws
   */
  async getOrSet<T>(
    subject: Subject,
    produce: () => Promise<Produced<T>>,
    revive: (entry: CacheEntry) => T,
  ): Promise<T> {
    const budget = this.newBudget();
    const found = await this.lookup(subject, budget);
    if (found.state === 'hit') return revive(found.entry);
    return (await this.load(subject, budget, produce, revive)).value;
  }

  /**
   * Runs `produce`, or waits for the run of the same key that is already under way in this process.
   *
   * @throws whatever `produce` throws; it reaches everyone who waited and is never stored
   */
  async load<T>(
    subject: Subject,
    budget: Budget,
    produce: () => Promise<Produced<T>>,
    revive: (entry: CacheEntry) => T,
  ): Promise<Loaded<T>> {
    const { clock, emit } = this.#options;
    const { prefix, key } = subject;

    const flying = this.#flights.find<Run<T>>(subject.keyText);
    if (flying) {
      const since = clock.monotonicMs();
      const shared = await flying.result;
      emit({ event: 'cache.coalesced', prefix, key, durationMs: clock.monotonicMs() - since });
      if (shared.isShareable) return { value: shared.value, how: 'joined', isStored: shared.isStored };
      return { value: (await produce()).value, how: 'ran', isStored: false };
    }

    // What the result will name is not known yet, so any invalidation might be of it.
    const families = subject.hasResultTags ? [ANY, ...this.#families] : [];
    const dependsOn = [EPOCH, ...subject.tags, ...families];
    const flight = this.#flights.start<Run<T>>(subject.keyText, dependsOn, (own) =>
      this.#run(subject, families, budget, own, produce, revive),
    );
    return flight.result;
  }

  /**
   * Makes every entry that depends on one of `tags` unusable, here and for everyone who shares the store.
   *
   * @returns whether the store has confirmed it; never rejects
   */
  async invalidate(tags: readonly string[]): Promise<boolean> {
    const { store, clock, emit, invalidationBudgetMs } = this.#options;
    if (tags.length === 0) return true;
    const plain = tags.filter(isPlainTag);
    this.watchFamilies(plain);
    const inOrder = [...new Set([...(plain.length > 0 ? [ANY] : []), ...plain.map(familyTag), ...tags])];
    this.#flights.doom(inOrder);
    if (!store) return true;
    const since = clock.monotonicMs();
    try {
      await store.drop(inOrder, invalidationBudgetMs);
      emit({ event: 'cache.invalidated', tags, durationMs: clock.monotonicMs() - since });
      return true;
    } catch (error) {
      emit({ event: 'cache.invalidate_error', tags, reason: reasonOf(error) });
      return false;
    }
  }

  /** Resolves when nothing runs behind the answers any more. */
  async settle(): Promise<void> {
    while (this.#background.size > 0) await Promise.allSettled(this.#background);
  }

  async #run<T>(
    subject: Subject,
    families: readonly string[],
    budget: Budget,
    flight: Flight<Run<T>>,
    produce: () => Promise<Produced<T>>,
    revive: (entry: CacheEntry) => T,
  ): Promise<Run<T>> {
    const { clock, emit } = this.#options;
    const opened = await this.#open(subject, families, budget);
    if (opened?.entry) {
      return { value: revive(opened.entry), isShareable: true, how: 'found', isStored: true };
    }

    const since = clock.monotonicMs();
    const produced = await produce();
    emit({
      event: 'cache.loaded',
      prefix: subject.prefix,
      key: subject.key,
      durationMs: clock.monotonicMs() - since,
    });
    if (opened) this.#inBackground(this.#store(subject, opened.tokens, flight, produced));
    const isStored = opened !== undefined && produced.entry !== undefined && !flight.isDoomed;
    return { value: produced.value, isShareable: produced.isShareable, how: 'ran', isStored };
  }

  /** Tokens for everything the entry will depend on, and the entry itself if another has stored it meanwhile. */
  async #open(
    subject: Subject,
    families: readonly string[],
    budget: Budget,
  ): Promise<{ entry: CacheEntry | undefined; tokens: ReadonlyMap<string, string> } | undefined> {
    const { store, emit } = this.#options;
    if (!store?.isAvailable() || budget.leftMs === 0) return undefined;
    try {
      const tags = [EPOCH, ...subject.tags, ...families];
      const read = await store.open(subject.key, tags, this.#tokenTtlMs, budget.leftMs);
      const entry = await this.#judge(subject, tags, read, budget);
      return { entry, tokens: tokensByTag(tags, read.tokens) };
    } catch (error) {
      budget.exhaust();
      emit({ event: 'cache.get_error', prefix: subject.prefix, key: subject.key, reason: reasonOf(error) });
      return undefined;
    }
  }

  /** The entry in `read`, if it may be served. Its own further tags cost a second question. */
  async #judge(
    subject: Subject,
    tags: readonly string[],
    read: StoreRead,
    budget: Budget,
  ): Promise<CacheEntry | undefined> {
    if (!read.entry) return undefined;
    const entry = decodeEntry(read.entry);
    if (!entry) {
      this.#options.emit({ event: 'cache.decode_error', prefix: subject.prefix, key: subject.key });
      return undefined;
    }
    if (entry.keyText !== subject.keyText || entry.shape !== subject.shape) return undefined;
    const unread = Object.keys(entry.tokens).filter((tag) => !tags.includes(tag));
    const further =
      unread.length > 0 ? await this.#options.store?.read(subject.key, unread, budget.leftMs) : undefined;
    const present = tokensByTag([...tags, ...unread], [...read.tokens, ...(further?.tokens ?? [])]);
    return isAlive(entry, present) ? entry : undefined;
  }

  async #store<T>(
    subject: Subject,
    tokens: ReadonlyMap<string, string>,
    flight: Flight<Run<T>>,
    produced: Produced<T>,
  ): Promise<void> {
    const { store, clock, emit } = this.#options;
    const { prefix, key } = subject;
    const { entry, notStoredBecause } = produced;
    if (!entry || !store) {
      if (notStoredBecause) emit({ event: 'cache.no_store', prefix, key, reason: notStoredBecause });
      return;
    }
    try {
      const resultTokens = await this.#resultTokens(subject, entry.resultTags, tokens);
      if (!resultTokens || flight.isDoomed) {
        emit({ event: 'cache.no_store', prefix, key, reason: 'newer-write' });
        return;
      }
      const bytes = encodeEntry({
        keyText: subject.keyText,
        shape: subject.shape,
        tokens: Object.fromEntries([...own(subject, tokens), ...resultTokens]),
        storedAtMs: clock.nowMs(),
        ttlMs: entry.ttlMs,
        ...(entry.etag && { etag: entry.etag }),
        body: entry.body,
      });
      await store.write(key, bytes, entry.ttlMs);
      emit({ event: 'cache.stored', prefix, key, ttlMs: entry.ttlMs, bytes: bytes.length });
    } catch (error) {
      emit({ event: 'cache.set_error', prefix, key, reason: reasonOf(error) });
    }
  }

  /**
   * Tokens of tags that only the result knows are read after the method ran. That is sound only if their family's token
   * has not moved since before it: an invalidation moves the family first, then the tag. For a family that was not
   * watched, the token that moves with every invalidation stands in.
   *
   * @returns `undefined` if an invalidation may have come in between
   */
  async #resultTokens(
    subject: Subject,
    resultTags: readonly string[],
    before: ReadonlyMap<string, string>,
  ): Promise<ReadonlyMap<string, string> | undefined> {
    const { store, requestBudgetMs } = this.#options;
    if (!store || resultTags.length === 0) return new Map();
    const families = resultTags.map(familyTag);
    const witnesses = [...new Set(families.map((family) => (before.has(family) ? family : ANY)))];
    this.watchFamilies(resultTags);
    const { tokens } = await store.open(subject.key, resultTags, this.#tokenTtlMs, requestBudgetMs);
    const after = tokensByTag(witnesses, (await store.read(subject.key, witnesses, requestBudgetMs)).tokens);
    const isUnmoved = witnesses.every(
      (witness) => before.has(witness) && after.get(witness) === before.get(witness),
    );
    return isUnmoved ? tokensByTag(resultTags, tokens) : undefined;
  }

  #inBackground(work: Promise<void>): void {
    this.#background.add(work);
    void work.finally(() => this.#background.delete(work));
  }
}

function own(subject: Subject, tokens: ReadonlyMap<string, string>): [string, string][] {
  return [EPOCH, ...subject.tags].map((tag) => [tag, tokens.get(tag) ?? '']);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown';
}
