import type { CacheEntry } from '../../src/cache/engine/cache-entry.js';
import type { EntryName, Store, StoreOpened, StoreRead } from '../../src/cache/engine/store.js';
import type { Stage } from './schedule.js';

/** How the store behaves, faults that are planted included. */
export interface StoreBehaviour {
  /** What is one moment, so that scenarios with more actors stay small enough: questions alone, or invalidations too. */
  readonly coarse?: 'questions' | 'all';
  /** The store's answers are on their way for a while. */
  readonly slowReplies?: boolean;
  readonly tokensAreCounters?: boolean;
  readonly familiesNeverMove?: boolean;
  /** An invalidation sets the same token whenever it is applied. */
  readonly tokensAreReused?: boolean;
}

/** A shared store whose every question waits for its turn; unless told otherwise, one of many keys is no one moment. */
export class SteppingStore implements Store {
  readonly kind = 'redis';
  readonly isShared = true;
  readonly entries = new Map<string, CacheEntry>();
  readonly present = new Map<string, string>();
  #made = 0;

  /** @param publish  called at the moment in which an invalidation is complete */
  constructor(
    private readonly stage: Stage,
    private readonly behaviour: StoreBehaviour,
    private readonly publish: (tags: readonly string[]) => void = () => undefined,
  ) {}

  isAvailable(): boolean {
    return true;
  }

  partitionOf(): string {
    return '';
  }

  async read({ keyText }: EntryName, tags: readonly string[]): Promise<StoreRead> {
    await this.stage.step('read');
    return this.#reply(keyText, tags);
  }

  async open({ keyText }: EntryName, tags: readonly string[]): Promise<StoreOpened> {
    if (!this.behaviour.coarse) await this.stage.step('create');
    const create = () => {
      for (const name of tags) if (!this.present.has(name)) this.present.set(name, this.#fresh());
    };
    if (!this.behaviour.coarse) create();
    await this.stage.step('open');
    if (this.behaviour.coarse) create();
    return { ...(await this.#reply(keyText, tags)), hasLease: true };
  }

  async tokens(tags: readonly string[]): Promise<readonly (string | undefined)[]> {
    await this.stage.step('tokens');
    return (await this.#reply('', tags)).tokens;
  }

  async write({ keyText }: EntryName, entry: CacheEntry): Promise<void> {
    await this.stage.step('store');
    this.entries.set(keyText, entry);
  }

  async invalidate(tags: readonly string[]): Promise<void> {
    if (this.behaviour.coarse === 'all') await this.stage.step('drop');
    for (const name of tags) {
      if (this.behaviour.familiesNeverMove && !name.startsWith('tag/')) continue;
      if (this.behaviour.coarse !== 'all') await this.stage.step(`drop ${name}`);
      if (this.behaviour.tokensAreCounters) this.present.set(name, String(this.#count(name) + 1));
      else if (this.behaviour.tokensAreReused) this.present.set(name, 'the token of this invalidation');
      else this.present.delete(name);
    }
    this.publish(tags);
  }

  renewLease(): Promise<boolean> {
    return Promise.resolve(true);
  }

  releaseLease(): Promise<void> {
    return Promise.resolve();
  }

  size(): { entries: number; bytes: number } {
    return { entries: this.entries.size, bytes: 0 };
  }

  async #reply(keyText: string, tags: readonly string[]): Promise<StoreRead> {
    const entry = this.entries.get(keyText);
    const tokens = tags.map((name) => this.present.get(name));
    if (this.behaviour.slowReplies) await this.stage.step('reply');
    return { stored: entry && { entry, leftMs: entry.ttlMs }, isUnreadable: false, tokens };
  }

  #count(name: string): number {
    return Number(this.present.get(name) ?? 0);
  }

  #fresh(): string {
    return this.behaviour.tokensAreCounters ? '0' : `token ${++this.#made}`;
  }
}
