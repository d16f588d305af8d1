import { Injectable } from '@nestjs/common';
import { Batch, type LoadMany } from './keyed/batch.js';
import { CacheEngine } from './engine/cache-engine.js';
import { CacheStatistics, type PrefixStatistics } from './engine/cache-statistics.js';
import type { HistogramCounts } from './engine/histogram.js';
import type { Store } from './engine/store.js';
import { EPOCH, patternTags } from './engine/tags.js';
import { tryStore, type StoreFailure } from './engine/try-store.js';
import type { GetManyOptions, GetOrSetOptions } from './keyed/get-or-set-options.js';
import { keyRules, keySubject, keyTag } from './keyed/key-subject.js';
import { MethodCache } from './methods/method-cache.js';
import { producedValue } from './methods/method-entry.js';
import type { OutboxBacklog } from './outbox/outbox-backlog.js';
import type { FollowingStore } from './stores/following.store.js';

/** Stands for the value of a key that `load` of `getMany` has left out. */
const LEFT_OUT = Symbol('left out');
/** How many runs that left its key out `getOrSet` joins before it runs its own factory: there may always be another. */
const MOST_LEFT_OUT = 2;
/** How many keys `getMany` asks for at a time: each is a few commands, and others use the connection, too. */
const SLICE = 100;

/** This process's cache, as it describes itself. */
export interface CacheStats {
  /** Where entries live: in Redis, in this process, or nowhere (switched off). */
  readonly store: Store['kind'] | 'none';
  /** Whether the store answers now. */
  readonly isAvailable: boolean;
  /** What the store holds; `undefined` where it does not know. */
  readonly entries: number | undefined;
  readonly bytes: number | undefined;
  /** What this process itself holds; that is the store, where there is no other. */
  readonly l1: { readonly entries: number; readonly bytes: number };
  /** How long invalidations took until the store had confirmed them, ms. */
  readonly invalidationMs: HistogramCounts;
  readonly invalidationErrors: number;
  /** How often `@InvalidateCache` could not tell what is old, so that everything was invalidated. */
  readonly ruleFailures: number;
  readonly prefixes: ReadonlyMap<string, PrefixStatistics>;
}

/** The cache for code that is no method. Methods use `@Cached` and `@InvalidateCache`. */
@Injectable()
export class CacheService {
  constructor(
    private readonly engine: CacheEngine,
    private readonly methods: MethodCache,
    private readonly store: Store | undefined,
    private readonly statistics: CacheStatistics,
    private readonly backlog: OutboxBacklog,
    private readonly following: FollowingStore | undefined,
  ) {}

  /**
   * The value kept under `key`, or what `factory` returns.
   *
   * Concurrent callers of a key in this process share one run. Every caller gets a copy of its own: Dates, bigints and
   * `undefined` come back as they were, class instances as plain objects. `null`, `0`, `''` and `false` are values. One
   * that has no stored form, such as a Map or a Buffer, is given to its caller as it is, and not kept.
   *
   * @param key      any text; prefix and tags belong to it: with others it is another value
   * @param options  `ttl` is required; a function of it that throws costs the entry, not the answer
   * @param factory  runs when there is no usable value, or with `renew`; what it throws reaches all who waited and is not kept
   * @throws {CacheError} `CACHE_INVALID_TTL`; `CACHE_INVALID_OPTIONS`, also for a key that is no text, and a prefix or a
   *   tag that nothing could invalidate; `CACHE_FACTORY_TIMED_OUT` after `hardTimeout`
   */
  async getOrSet<T>(key: string, options: GetOrSetOptions<T>, factory: () => Promise<T> | T): Promise<T> {
    const rules = keyRules(options, 'getOrSet', this.methods.defaultPolicy);
    const subject = keySubject(rules, key, options.tags);
    const produce = async () => producedValue(rules, [], await factory());
    if (options.renew) return (await this.methods.renew(subject, produce)) as T;
    for (let joined = 0; joined < MOST_LEFT_OUT; joined++) {
      const value = await this.methods.value(subject, produce);
      // That of a getMany, which was joined, says nothing about what `factory` gives.
      if (value !== LEFT_OUT) return value as T;
    }
    return (await this.methods.renewUncounted(subject, produce)) as T;
  }

  /**
   * The values kept under `keys`, each as {@link getOrSet} gives it; `load` is called for those together that are not kept,
   * and not being computed already: for 100 keys at most, and then for the next.
   *
   * @param keys     a key named twice counts once
   * @param options  `tags` may be told of each key
   * @param load     called once for 100 keys, where all comes in one turn of the event loop; what it throws is thrown
   * @returns the values by key, without keys that `load` left out or gave `undefined` for: these are not kept either
   * @throws what {@link getOrSet} throws
   */
  async getMany<T>(
    keys: readonly string[],
    options: GetManyOptions<T>,
    load: LoadMany<T>,
  ): Promise<Map<string, T>> {
    const rules = keyRules(options, 'getMany', this.methods.defaultPolicy);
    // What a method that writes reads past the cache is of its unit of work, and nothing for others.
    const [shared, past] = [new Batch(load), new Batch(load)];
    const { tags } = options;
    const valueOf = async (key: string) => {
      const subject = keySubject(rules, key, typeof tags === 'function' ? tags(key) : tags);
      const value = await this.methods.value(subject, async () => {
        const given = await (this.methods.invalidations.readsPast(subject) ? past : shared).get(key);
        return given === undefined
          ? { value: { raw: LEFT_OUT }, isShareable: true }
          : producedValue(rules, [], given);
      });
      return [key, value] as const;
    };
    const found = new Map<string, T>();
    const distinct = [...new Set(keys)];
    await this.engine.inOnePlace(async () => {
      for (let from = 0; from < distinct.length; from += SLICE) {
        for (const [key, value] of await Promise.all(distinct.slice(from, from + SLICE).map(valueOf)))
          if (value !== LEFT_OUT && value !== undefined) found.set(key, value as T);
      }
    });
    return found;
  }

  /**
   * Makes everything that depends on these unusable: tags (`course:PROG-101`) or prefixes (`student_risk:*`).
   *
   * Inside a method under `@InvalidateCache` it waits for that method's end, when its transactions are committed, and
   * resolves with true at once.
   *
   * @returns whether the store has confirmed it. If not, this process reads past the store until it has.
   * @throws {CacheError} `CACHE_INVALID_OPTIONS`, and nothing is invalidated, if one of them begins with neither a tag's
   *   word nor a prefix: there is no `*` for everything, but {@link clear}
   */
  async invalidate(...patterns: readonly string[]): Promise<boolean> {
    return this.methods.invalidations.invalidate(patterns.flatMap(patternTags));
  }

  /**
   * Makes unusable what {@link getOrSet} and {@link getMany} keep under a key, with whichever tags.
   *
   * @param options  `prefix` as it was told to them. Default `default`
   * @returns as {@link invalidate}, also inside a method
   * @throws {CacheError} `CACHE_INVALID_OPTIONS` for a key or a prefix that there cannot be
   */
  async delete(key: string, { prefix }: Pick<GetOrSetOptions, 'prefix'> = {}): Promise<boolean> {
    return this.methods.invalidations.invalidate([keyTag(key, prefix)]);
  }

  /**
   * Makes everything unusable, in all applications that share the store and the namespace. It costs one deletion, on a
   * cluster 256; what is unusable goes with its TTL.
   *
   * @returns as {@link invalidate}, also inside a method
   */
  async clear(): Promise<boolean> {
    return this.methods.invalidations.invalidate([EPOCH]);
  }

  /** What happened in this process since its start, and what it and its store hold now. Asks nobody. */
  stats(): CacheStats {
    const size = this.store?.size();
    return {
      store: this.store?.kind ?? 'none',
      isAvailable: this.store?.isAvailable() ?? false,
      entries: size?.entries,
      bytes: size?.bytes,
      l1: this.engine.l1.size(),
      invalidationMs: this.statistics.invalidationMs,
      invalidationErrors: this.statistics.invalidationErrors,
      ruleFailures: this.statistics.ruleFailures,
      prefixes: this.statistics.byPrefix(),
    };
  }

  /**
   * For operators: keeps and finds an entry in the store as every cached method does. It is gone within 5 s.
   *
   * @returns what fails first, and why; `undefined` where nothing does, or where there is no store
   */
  async tryStore(): Promise<StoreFailure | undefined> {
    return this.store && tryStore(this.store);
  }

  /**
   * Whether this process hears of the others' invalidations now. While it does not, `bounded` hits ask the store, as `strong`
   * ones do anyway. `undefined` where there is nothing to hear by: no backplane (no Redis, a cluster, one connection at
   * most), or the cache is switched off.
   */
  get hearsOthers(): boolean | undefined {
    return this.store && this.engine.hearsOthers;
  }

  /**
   * Whether this process goes by the outbox now, as Redis or one of its masters is away: hits go on, of what it holds itself.
   * `undefined` where it never does: without Redis, or without an outbox that is `followed`.
   */
  get goesByOutbox(): boolean | undefined {
    return this.following?.isFollowing;
  }

  /**
   * Whether invalidations that were committed over 10 s ago still wait in the outbox, of whichever process: others may give
   * the answers of before.
   *
   * @returns `undefined` where nobody knows: without an outbox that tells, where it does not answer within 500 ms, and for a
   *   minute after it has failed; never rejects
   */
  hasLateInvalidations(): Promise<boolean | undefined> {
    return this.backlog.isLate();
  }

  /** Resolves when nothing runs behind the answers any more. Audits that are due later are not waited for. */
  settle(): Promise<void> {
    return this.engine.background.settle();
  }
}
