import type { CacheEntry } from '../../src/cache/engine/cache-entry.js';
import type { Clock } from '../../src/cache/engine/clock.js';
import type { L1Entries } from '../../src/cache/engine/l1-entries.js';
import type { EntryName, Lease, StoreOpened, StoreRead } from '../../src/cache/engine/store.js';
import { MemoryStore } from '../../src/cache/stores/memory.store.js';
import type { Stage } from './schedule.js';

/** The store that keeps all in memory, as it is, but that every question waits for its turn. */
export class SteppingMemoryStore extends MemoryStore {
  constructor(
    private readonly stage: Stage,
    clock: Clock,
    entries: L1Entries,
  ) {
    super(clock, entries);
  }

  override async read(name: EntryName, tags: readonly string[]): Promise<StoreRead> {
    await this.stage.step('read');
    return super.read(name, tags);
  }

  override async open(
    name: EntryName,
    tags: readonly string[],
    tokenTtlMs: number,
    budgetMs: number,
    lease?: Lease,
  ): Promise<StoreOpened> {
    await this.stage.step('open');
    return super.open(name, tags, tokenTtlMs, budgetMs, lease);
  }

  override async tokens(tags: readonly string[]): Promise<readonly (string | undefined)[]> {
    await this.stage.step('tokens');
    return super.tokens(tags);
  }

  override async write(
    name: EntryName,
    entry: CacheEntry,
    usableUntilMs?: number,
    owner?: string,
  ): Promise<void> {
    await this.stage.step('store');
    return super.write(name, entry, usableUntilMs, owner);
  }

  override async invalidate(hard: readonly string[], soft: readonly string[]): Promise<void> {
    await this.stage.step('drop');
    return super.invalidate(hard, soft);
  }

  override async renewLease(name: EntryName, lease: Lease): Promise<boolean> {
    await this.stage.step('renew the lease');
    return super.renewLease(name, lease);
  }

  override async releaseLease(name: EntryName, owner: string): Promise<void> {
    await this.stage.step('release the lease');
    return super.releaseLease(name, owner);
  }
}
