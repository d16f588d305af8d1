import { CacheEngine } from '../../src/cache/engine/cache-engine.js';
import { EntryStore } from '../../src/cache/engine/entry-store.js';
import { SingleFlight } from '../../src/cache/engine/single-flight.js';
import type { CacheEntry } from '../../src/cache/engine/cache-entry.js';
import { defaultPolicy } from '../../src/cache/engine/entry-policy.js';
import { NearEntries } from '../../src/cache/engine/near-entries.js';
import type { EntryName, Store, StoreOpened, StoreRead } from '../../src/cache/engine/store.js';
import { Subject, type Produced } from '../../src/cache/engine/subject.js';
import { EPOCH, plainTag } from '../../src/cache/engine/tags.js';
import { FakeClock } from '../../src/cache/testing/index.js';
import { explore, type Scenario, type Stage } from './schedule.js';

jest.setTimeout(240_000);

const tag = plainTag('course:1');
const roster = plainTag('roster:1');

/** How the store behaves, faults that are planted included. */
interface Behaviour {
  /** What is one moment, so that scenarios with more actors stay small enough: questions alone, or invalidations too. */
  readonly coarse?: 'questions' | 'all';
  /** The store's answers are on their way for a while. */
  readonly slowReplies?: boolean;
  readonly tokensAreCounters?: boolean;
  readonly familiesNeverMove?: boolean;
}

/** A shared store whose every question waits for its turn; unless told otherwise, one of many keys is no one moment. */
class SteppingStore implements Store {
  readonly kind = 'redis';
  readonly entries = new Map<string, CacheEntry>();
  readonly present = new Map<string, string>();
  #made = 0;

  constructor(
    private readonly stage: Stage,
    private readonly behaviour: Behaviour,
  ) {}

  isAvailable(): boolean {
    return true;
  }

  partitionOf(): string {
    return '';
  }

  async read({ keyText }: EntryName, tags: readonly string[]): Promise<StoreRead> {
    await this.stage.step(`read ${tags.join(' ')}`);
    return this.#reply(keyText, tags);
  }

  async open({ keyText }: EntryName, tags: readonly string[]): Promise<StoreOpened> {
    if (!this.behaviour.coarse) await this.stage.step(`create ${tags.join(' ')}`);
    const create = () => {
      for (const name of tags) if (!this.present.has(name)) this.present.set(name, this.#fresh());
    };
    if (!this.behaviour.coarse) create();
    await this.stage.step(`open ${tags.join(' ')}`);
    if (this.behaviour.coarse) create();
    return { ...(await this.#reply(keyText, tags)), hasLease: true };
  }

  async tokens(tags: readonly string[]): Promise<readonly (string | undefined)[]> {
    await this.stage.step(`tokens ${tags.join(' ')}`);
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
      if (this.behaviour.tokensAreCounters)
        this.present.set(name, String(Number(this.present.get(name) ?? 0) + 1));
      else this.present.delete(name);
    }
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

  #fresh(): string {
    return this.behaviour.tokensAreCounters ? '0' : `token ${++this.#made}`;
  }
}

interface Plan extends Behaviour {
  /** Readers in the process of the first one, beside it; each starts at any time. */
  readonly readers: number;
  readonly writerIsElsewhere?: boolean;
  /** The other readers start once the write is acknowledged, not earlier. */
  readonly readersAreLate?: boolean;
  readonly resultTags?: boolean;
  readonly invalidatesFirst?: boolean;
  readonly readsBeforeOpening?: boolean;
  /** The database's answer is on its way for a while. */
  readonly slowAnswers?: boolean;
  readonly evicts?: boolean;
  /** The store goes back to an earlier state, and whether the epoch goes then. */
  readonly restores?: 'with epoch' | 'without epoch';
}

/** One value in a database, readers through the cache, one writer. Whoever starts after the acknowledgement must see it. */
function scenario(plan: Plan): Scenario {
  return (stage) => {
    const store = new SteppingStore(stage, plan);
    const clock = new FakeClock();
    const newEngine = () =>
      new CacheEngine({
        store,
        near: new NearEntries(clock, 0),
        clock,
        emit: () => undefined,
        jitter: 0,
        requestBudgetMs: 50,
        invalidationBudgetMs: 150,
      });
    const here = newEngine();
    const elsewhere = plan.writerIsElsewhere ? newEngine() : here;
    const subject = new Subject({
      prefix: 'view',
      keyText: 'view|/1',
      shape: '',
      policy: defaultPolicy,
      tags: () => (plan.resultTags ? [] : [tag]),
      hasResultTags: plan.resultTags ?? false,
    });
    const changed = plan.resultTags ? roster : tag;
    let stored = 'old';
    let isAcknowledged = false;
    let violation: string | undefined;

    const query = async () => {
      await stage.step('query');
      const value = stored;
      if (plan.slowAnswers) await stage.step('answer');
      return value;
    };
    const read = async () => {
      const mustBeNew = isAcknowledged;
      const early = plan.readsBeforeOpening ? await query() : undefined;
      const produce = async (): Promise<Produced<string>> => {
        const value = early ?? (await query());
        const entry = { body: Buffer.from(value), ttlMs: 1000, resultTags: plan.resultTags ? [roster] : [] };
        return { value, isShareable: true, entry };
      };
      const value = await here.getOrSet(subject, produce, (entry) => entry.body.toString());
      if (mustBeNew && value !== 'new')
        violation ??= 'a reader who started after the acknowledgement got the old value';
    };
    const write = async () => {
      const commit = async () => {
        await stage.step('commit');
        stored = 'new';
      };
      if (!plan.invalidatesFirst) await commit();
      await elsewhere.invalidate([changed]);
      if (plan.invalidatesFirst) await commit();
      isAcknowledged = true;
    };
    const later = async (label: string, work: () => unknown) => {
      if (plan.readersAreLate) await written;
      await stage.step(label);
      await work();
    };
    const restore = async () => {
      const [entries, tokens] = [new Map(store.entries), new Map(store.present)];
      await stage.step('restore');
      for (const [name, token] of tokens) store.present.set(name, token);
      for (const [key, entry] of entries) store.entries.set(key, entry);
      if (plan.restores === 'with epoch') store.present.delete(EPOCH);
    };

    const written = write();
    const actors = [
      read(),
      written,
      ...Array.from({ length: plan.readers }, () => later('second reader', read)),
    ];
    if (plan.evicts) {
      actors.push(
        later('evict', () => {
          store.present.clear();
        }),
      );
    }
    if (plan.restores) actors.push(later('snapshot', restore));
    return { actors: [...actors, Promise.all(actors).then(() => here.settle())], verdict: () => violation };
  };
}

describe('in every order of events, nobody who starts after a write was acknowledged gets the old value', () => {
  it.each<[string, Plan]>([
    ['slow replies of the store', { readers: 1, slowReplies: true, coarse: 'all', readersAreLate: true }],
    ['one process', { readers: 1 }],
    ['one process, slow answers of the database', { readers: 1, slowAnswers: true, coarse: 'all' }],
    [
      'another process, slow answers',
      { readers: 1, slowAnswers: true, coarse: 'all', writerIsElsewhere: true },
    ],
    ['the writer in another process', { readers: 1, writerIsElsewhere: true }],
    ['tokens evicted at any time', { readers: 1, evicts: true, coarse: 'all' }],
    [
      'a tag that only the result names',
      { readers: 1, resultTags: true, readersAreLate: true, coarse: 'questions' },
    ],
    [
      'a tag that only the result names, the writer elsewhere',
      { readers: 1, resultTags: true, readersAreLate: true, writerIsElsewhere: true, coarse: 'questions' },
    ],
    [
      'a tag that only the result names, a reader at any time',
      { readers: 1, resultTags: true, coarse: 'all' },
    ],
    ['a store that goes back to an earlier state', { readers: 1, restores: 'with epoch', coarse: 'all' }],
  ])('%s', async (_, plan) => {
    const { runs, violation } = await explore(scenario(plan));

    expect(violation).toBeUndefined();
    expect(runs).toBeGreaterThan(100);
  });
});

describe('the exploration has teeth: it finds', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it.each<[string, Plan]>([
    ['a value that was read before its tokens', { readers: 1, readsBeforeOpening: true }],
    [
      'counters in place of unique tokens, once they are evicted',
      { readers: 1, tokensAreCounters: true, evicts: true, coarse: 'all' },
    ],
    [
      'result tags without a look at their family',
      { readers: 1, resultTags: true, familiesNeverMove: true, coarse: 'questions' },
    ],
    ['an invalidation before the commit', { readers: 1, invalidatesFirst: true }],
    ['a store restored without a new epoch', { readers: 1, restores: 'without epoch', coarse: 'all' }],
  ])('%s', async (_, plan) => {
    expect((await explore(scenario(plan))).violation).toContain('got the old value');
  });

  it('a run that may be joined after it was overtaken', async () => {
    jest.spyOn(SingleFlight.prototype, 'doom').mockReturnValue(undefined);
    jest.spyOn(EntryStore.prototype, 'isCurrent').mockResolvedValue(true);

    expect((await explore(scenario({ readers: 1, slowAnswers: true }))).violation).toContain(
      'got the old value',
    );
  });
});
