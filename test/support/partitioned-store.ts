import { BACKGROUND_BUDGET_MS } from '../../src/cache/engine/budget.js';
import type { CacheEntry } from '../../src/cache/engine/cache-entry.js';
import { CacheError } from '../../src/cache/engine/cache-errors.js';
import type { Clock } from '../../src/cache/engine/clock.js';
import type { EntryName, Lease, Store, StoreOpened, StoreRead } from '../../src/cache/engine/store.js';
import { EPOCH, isWitness } from '../../src/cache/engine/tags.js';
import { tokensByTag, type Tokens } from '../../src/cache/engine/tokens.js';
import { OwedTokens } from '../../src/cache/stores/owed-tokens.js';
import { simulateInstances, type FaultyStore } from '../../src/cache/testing/index.js';

const NOTHING = { stored: undefined, isUnreadable: false, hasLease: true };

/**
 * One process's way to what all share, divided as a cluster is: each part has its tags and entries, an epoch of its own that
 * stands in its tokens, and its own faults. What an invalidation did not reach is owed, and paid as soon as it can be.
 */
export class PartitionedStore implements Store {
  readonly kind = 'redis';
  readonly isShared = true;
  readonly parts: readonly FaultyStore[];
  readonly #owed: OwedTokens;

  constructor(parts: readonly FaultyStore[]) {
    this.parts = parts;
    this.#owed = new OwedTokens(
      parts.map((_, index) => `${index} ${EPOCH}`),
      (debt) => isWitness(tagOf(debt)),
    );
  }

  isAvailable(): boolean {
    return this.parts.some((part) => part.isAvailable()) && !this.#owed.isEverything;
  }

  isWhole(): boolean {
    return this.parts.every((part) => part.isAvailable()) && this.#owed.isNone;
  }

  isAway(what: string | EntryName): boolean {
    if (!this.isAvailable()) return true;
    if (typeof what !== 'string') return !this.partOf(what.key).isAvailable();
    return what !== EPOCH && (!this.partOf(what).isAvailable() || this.#isOwed(what));
  }

  partitionOf(tag: string): string {
    return tag === EPOCH ? '' : String(this.#indexOf(tag));
  }

  /** The part that has a tag, or the entry of that key. */
  partOf(tagOrKey: string): FaultyStore {
    return this.parts[this.#indexOf(tagOrKey)]!;
  }

  read(name: EntryName, tags: readonly string[], budgetMs: number): Promise<StoreRead> {
    return this.#ask(tags, name, async (part, some) => ({
      ...NOTHING,
      ...(await part.read(name, some, budgetMs)),
    }));
  }

  open(
    name: EntryName,
    tags: readonly string[],
    tokenTtlMs: number,
    budgetMs: number,
    lease?: Lease,
  ): Promise<StoreOpened> {
    const leasing = this.partOf(name.key);
    return this.#ask(tags, name, (part, some) =>
      part.open(name, some, tokenTtlMs, budgetMs, part === leasing ? lease : undefined),
    );
  }

  async tokens(tags: readonly string[], budgetMs: number): Promise<StoreRead['tokens']> {
    const { tokens } = await this.#ask(tags, undefined, async (part, some) => ({
      ...NOTHING,
      tokens: await part.tokens(some, budgetMs),
    }));
    return tokens;
  }

  write(name: EntryName, entry: CacheEntry, usableUntilMs?: number, owner?: string): Promise<void> {
    return this.partOf(name.key).write(name, entry, usableUntilMs, owner);
  }

  /** Witnesses first, wherever they are. What went before a witness of it goes again after that. */
  async invalidate(hard: readonly string[], soft: readonly string[], budgetMs: number): Promise<void> {
    let failure: unknown;
    for (const isNow of [isWitness, (tag: string) => !isWitness(tag)]) {
      const isTooEarly = failure !== undefined;
      const removals = this.parts.map(async (part, index) => {
        const here = (tag: string) => isNow(tag) && (tag === EPOCH || this.#indexOf(tag) === index);
        const [hardHere, softHere] = [hard.filter(here), soft.filter(here)];
        const all = [...hardHere, ...softHere];
        if (all.length === 0) return;
        try {
          await part.invalidate(hardHere, softHere, budgetMs / 2);
        } catch (error) {
          failure = error;
        }
        if (isTooEarly || failure) this.#owed.add(all.map((tag) => `${index} ${tag}`));
      });
      await Promise.all(removals);
    }
    if (failure) throw failure as Error;
  }

  renewLease(name: EntryName, lease: Lease): Promise<boolean> {
    return this.partOf(name.key).renewLease(name, lease);
  }

  releaseLease(name: EntryName, owner: string): Promise<void> {
    return this.partOf(name.key).releaseLease(name, owner);
  }

  size(): ReturnType<Store['size']> {
    return { entries: undefined, bytes: undefined };
  }

  async #ask(
    tags: readonly string[],
    name: EntryName | undefined,
    ask: (part: FaultyStore, tags: readonly string[]) => Promise<StoreOpened>,
  ): Promise<StoreOpened> {
    await this.#pay();
    if (tags.some((tag) => this.#isOwed(tag))) throw new CacheError('CACHE_STORE_UNAVAILABLE', 'owed');
    const isNamed = (part: FaultyStore) => name !== undefined && part === this.partOf(name.key);
    const asked = this.parts
      .map((part) => ({ part, some: tags.filter((tag) => tag !== EPOCH && this.partOf(tag) === part) }))
      .filter(({ part, some }) => some.length > 0 || (isNamed(part) && part.isAvailable()));
    const reads = await Promise.all(
      asked.map(async ({ part, some }) => ({ part, some, read: await ask(part, [EPOCH, ...some]) })),
    );
    const tokens = new Map(reads.flatMap(({ some, read }) => [...ofPart(some, read.tokens)]));
    const named = reads.find(({ part }) => isNamed(part))?.read ?? NOTHING;
    return { ...named, tokens: tags.map((tag) => (tag === EPOCH ? 'everywhere' : tokens.get(tag))) };
  }

  async #pay(): Promise<void> {
    const isHere = (debt: string) => this.#partOwed(debt).isAvailable();
    await this.#owed
      .pay(isHere, async (debts) => {
        for (const debt of debts)
          await this.#partOwed(debt).invalidate([tagOf(debt)], [], BACKGROUND_BUDGET_MS);
        return [];
      })
      .catch(() => undefined);
  }

  #isOwed(tag: string): boolean {
    if (tag === EPOCH) return false;
    const index = this.#indexOf(tag);
    return this.#owed.isAny([`${index} ${tag}`, `${index} ${EPOCH}`]);
  }

  #partOwed(debt: string): FaultyStore {
    return this.parts[Number(debt.split(' ', 1)[0])]!;
  }

  #indexOf(text: string): number {
    let sum = 0;
    for (const letter of text) sum = (31 * sum + (letter.codePointAt(0) ?? 0)) % 1_000_003;
    return sum % this.parts.length;
  }
}

/** @returns for each of `count` processes its way to a store of so many parts, which all share */
export function simulatePartitions(count: number, parts: number, clock: Clock): PartitionedStore[] {
  const ways = Array.from({ length: parts }, () => simulateInstances(count, clock));
  return Array.from(
    { length: count },
    (_, process) => new PartitionedStore(ways.map((part) => part[process]!.store)),
  );
}

function tagOf(debt: string): string {
  return debt.slice(debt.indexOf(' ') + 1);
}

/** As a cluster gives them: with the epoch of the part. */
function ofPart(tags: readonly string[], [epoch, ...tokens]: StoreRead['tokens']): Tokens {
  if (epoch === undefined) return new Map();
  const origin = epoch.replaceAll('.', '');
  return tokensByTag(
    tags,
    tokens.map((token) => token && `${origin}:${token}`),
  );
}
