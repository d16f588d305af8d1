import { BACKGROUND_BUDGET_MS } from '../engine/budget.js';
import type { CacheEntry } from '../engine/cache-entry.js';
import { CacheError } from '../engine/cache-errors.js';
import { pause, type Clock } from '../engine/clock.js';
import type { EntryName, Lease, Store, StoreOpened, StoreRead } from '../engine/store.js';

const OPERATIONS = ['read', 'open', 'tokens', 'write', 'invalidate', 'renewLease', 'releaseLease'] as const;

/** What a store is asked to do, by the names of its methods. */
export type StoreOperation = (typeof OPERATIONS)[number];

/** What may be lost on the way without anybody noticing. */
export type LosableOperation = 'write' | 'invalidate' | 'releaseLease';

type Do<T> = () => Promise<T>;
/** How an operation is done, given how it would be done without a fault. */
type Fault = <T>(operation: Do<T>) => Promise<T>;

/**
 * A store that fails as a test tells it to, in every way that the cache must bear: `CacheModule.forRoot({ store })`. It keeps
 * the contract of a store all the same: nobody waits longer than their budget, and tags whose invalidation was not confirmed
 * are not read before it has been carried out.
 *
 * Each fault is put on some operations, or on all where none is named, and stays until {@link restore} or another fault.
 */
export class FaultyStore implements Store {
  readonly #inner: Store;
  readonly #clock: Clock;
  readonly #faults = new Map<StoreOperation, Fault>();
  readonly #calls = new Map<StoreOperation, number>();
  readonly #owed = new Set<string>();
  #hung: { readonly operation: StoreOperation; readonly thaw: () => void }[] = [];
  /** What is refused at once. */
  readonly #refused = new Set<StoreOperation>();

  /** @param clock  whose time delays and budgets go by */
  constructor(inner: Store, clock: Clock) {
    this.#inner = inner;
    this.#clock = clock;
  }

  /** Refused at once, with `CACHE_STORE_UNAVAILABLE`. The store itself says that it is away only if nothing works. */
  fail(...operations: StoreOperation[]): void {
    this.#put(operations, () => Promise.reject(unavailable('disconnected')));
    for (const name of named(operations)) this.#refused.add(name);
  }

  /** Done `ms` later, and then answered; also if the caller's budget has ended by then. */
  delay(ms: number, ...operations: StoreOperation[]): void {
    this.#put(operations, async (operation) => {
      await pause(this.#clock, ms);
      return operation();
    });
  }

  /** Done at once, and answered `ms` later: a caller with less time is refused although it was done. */
  replyLate(ms: number, ...operations: StoreOperation[]): void {
    this.#put(operations, async (operation) => {
      const answer = await operation();
      await pause(this.#clock, ms);
      return answer;
    });
  }

  /** Not done: the caller is refused when their budget ends. With {@link restore} it is done after all, in order. */
  hang(...operations: StoreOperation[]): void {
    for (const name of named(operations)) {
      this.#put([name], async (operation) => {
        await new Promise<void>((thaw) => this.#hung.push({ operation: name, thaw }));
        return operation();
      });
    }
  }

  /**
   * Confirmed, and not done. A lost `invalidate` breaks what a store promises, as a failover to a server that lags
   * behind does, and so lets the cache be wrong.
   */
  lose(...operations: [LosableOperation, ...LosableOperation[]]): void {
    this.#put(operations, () => Promise.resolve(undefined as never));
  }

  /** No fault any more. */
  restore(...operations: StoreOperation[]): void {
    const restored = new Set(named(operations));
    for (const name of restored) {
      this.#faults.delete(name);
      this.#refused.delete(name);
    }
    const thawed = this.#hung.filter(({ operation }) => restored.has(operation));
    this.#hung = this.#hung.filter(({ operation }) => !restored.has(operation));
    for (const { thaw } of thawed) thaw();
  }

  /** How often it was asked for an operation so far. */
  calls(operation: StoreOperation): number {
    return this.#calls.get(operation) ?? 0;
  }

  get kind(): Store['kind'] {
    return this.#inner.kind;
  }

  get isShared(): boolean {
    return this.#inner.isShared;
  }

  isAvailable(): boolean {
    return this.#refused.size < OPERATIONS.length && this.#inner.isAvailable();
  }

  partitionOf(tag: string): string {
    return this.#inner.partitionOf(tag);
  }

  size(): { entries: number | undefined; bytes: number | undefined } {
    return this.#inner.size();
  }

  read(name: EntryName, tags: readonly string[], budgetMs: number): Promise<StoreRead> {
    return this.#ask('read', budgetMs, tags, () => this.#inner.read(name, tags, budgetMs));
  }

  open(
    name: EntryName,
    tags: readonly string[],
    tokenTtlMs: number,
    budgetMs: number,
    lease?: Lease,
  ): Promise<StoreOpened> {
    return this.#ask('open', budgetMs, tags, () => this.#inner.open(name, tags, tokenTtlMs, budgetMs, lease));
  }

  tokens(tags: readonly string[], budgetMs: number): Promise<readonly (string | undefined)[]> {
    return this.#ask('tokens', budgetMs, tags, () => this.#inner.tokens(tags, budgetMs));
  }

  async write(name: EntryName, entry: CacheEntry, usableUntilMs?: number, owner?: string): Promise<void> {
    await this.#do('write', BACKGROUND_BUDGET_MS, () => this.#inner.write(name, entry, usableUntilMs));
    // Each fails for itself.
    if (owner !== undefined) await this.releaseLease(name, owner).catch(() => undefined);
  }

  async invalidate(hard: readonly string[], soft: readonly string[], budgetMs: number): Promise<void> {
    try {
      await this.#do('invalidate', budgetMs, () => this.#inner.invalidate(hard, soft, budgetMs));
    } catch (error) {
      for (const tag of [...hard, ...soft]) this.#owed.add(tag);
      throw error;
    }
  }

  renewLease(name: EntryName, lease: Lease): Promise<boolean> {
    return this.#do('renewLease', BACKGROUND_BUDGET_MS, () => this.#inner.renewLease(name, lease));
  }

  releaseLease(name: EntryName, owner: string): Promise<void> {
    return this.#do('releaseLease', BACKGROUND_BUDGET_MS, () => this.#inner.releaseLease(name, owner));
  }

  #put(operations: readonly StoreOperation[], fault: Fault): void {
    this.restore(...operations);
    for (const name of named(operations)) this.#faults.set(name, fault);
  }

  #do<T>(name: StoreOperation, budgetMs: number, operation: Do<T>): Promise<T> {
    this.#calls.set(name, this.calls(name) + 1);
    const fault = this.#faults.get(name);
    return fault ? this.#within(budgetMs, fault(operation)) : operation();
  }

  #ask<T>(name: StoreOperation, budgetMs: number, tags: readonly string[], operation: Do<T>): Promise<T> {
    return this.#do(name, budgetMs, () => this.#payFor(tags).then(operation));
  }

  async #payFor(tags: readonly string[]): Promise<void> {
    if (!tags.some((tag) => this.#owed.has(tag))) return;
    if (this.#faults.has('invalidate')) throw unavailable('owed');
    const owed = [...this.#owed];
    await this.#inner.invalidate(owed, [], BACKGROUND_BUDGET_MS);
    for (const tag of owed) this.#owed.delete(tag);
  }

  #within<T>(ms: number, work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.schedule(ms, () => {
        reject(unavailable('timeout'));
      });
      work.finally(cancel).then(resolve, reject);
    });
  }
}

function named(operations: readonly StoreOperation[]): readonly StoreOperation[] {
  return operations.length === 0 ? OPERATIONS : operations;
}

function unavailable(reason: string): CacheError {
  return new CacheError('CACHE_STORE_UNAVAILABLE', reason);
}
