import { deferred, turn } from '../../../test/support/deferred.js';
import { simulatePartitions, type PartitionedStore } from '../../../test/support/partitioned-store.js';
import { SimulatedOutbox } from '../../../test/support/simulated-outbox.js';
import { pass, plainLimits } from '../../../test/support/test-engine.js';
import { CacheEngine } from '../engine/cache-engine.js';
import type { Backplane } from '../engine/backplane.js';
import type { EngineOptions } from '../engine/engine-options.js';
import { defaultPolicy, type EntryPolicy } from '../engine/entry-policy.js';
import { L1Entries } from '../engine/l1-entries.js';
import type { Loaded, Produced } from '../engine/factory.js';
import { Subject } from '../engine/subject.js';
import type { Store } from '../engine/store.js';
import { ANY, EPOCH, familyTag, plainTag, prefixTag } from '../engine/tags.js';
import { BackgroundWork } from '../engine/background-work.js';
import type { Outbox, OutboxNews } from '../outbox/outbox.js';
import { UnitSettlement } from '../outbox/unit-settlement.js';
import { FakeClock, simulateInstances, type SimulatedInstance } from '../testing/index.js';
import { FollowingStore } from './following.store.js';

const BUDGET_MS = 150;

let clock: FakeClock;
let outbox: SimulatedOutbox;
let here: SimulatedInstance;
let there: SimulatedInstance;

beforeEach(() => {
  clock = new FakeClock();
  outbox = new SimulatedOutbox(clock);
  [here, there] = simulateInstances(2, clock) as [SimulatedInstance, SimulatedInstance];
});

afterEach(() => {
  jest.restoreAllMocks();
});

interface Process {
  readonly engine: CacheEngine;
  readonly store: FollowingStore;
  get(row: number, run: () => Promise<string>, policy?: Partial<EntryPolicy>): Promise<{ value: string }>;
  /** What depends on its row by its result only. */
  getNamed(row: number, run: () => Promise<string>): Promise<{ value: string }>;
  /** What is for its own caller alone. */
  getAlone(row: number, run: () => Promise<string>): Promise<{ value: string }>;
}

type Way = Pick<SimulatedInstance, 'clock'> & { readonly store: Store; readonly backplane?: Backplane };

function start(instance: Way = here, options: Partial<EngineOptions> = {}): Process {
  const l1 = new L1Entries(clock, 10_000_000);
  const store = new FollowingStore(instance.store, outbox, clock, l1);
  const all = { ...instance, emit: () => undefined, ...plainLimits, ...options, store, l1 };
  const engine = new CacheEngine(all);
  const ask = (
    row: number,
    produce: () => Promise<Produced<string>>,
    policy: Partial<EntryPolicy> = {},
    isNamedByResult = false,
  ): Promise<Loaded<string> | { value: string; how: 'hit' }> => {
    const subject = new Subject({
      prefix: 'view',
      keyText: `view|/${row}`,
      shape: '',
      policy: { ...defaultPolicy, ...policy },
      furtherTags: { mayBeNamed: isNamedByResult, families: [plainTag('row')] },
      tags: () => [prefixTag('view', [String(row)]), ...(isNamedByResult ? [] : [plainTag(`row:${row}`)])],
    });
    return engine.getOrSet(subject, produce, ({ body }) => body.toString());
  };
  return {
    engine,
    store,
    get: async (row, run, policy) => {
      const produce = async () => {
        const value = await run();
        const entry = { body: Buffer.from(value), ttlMs: 3_600_000, namedTags: [] };
        return { value, isShareable: true, entry };
      };
      const got = await ask(row, produce, policy);
      await turn();
      return got;
    },
    getNamed: async (row, run) => {
      const produce = async () => {
        const value = await run();
        const namedTags = [plainTag(`row:${row}`)];
        return { value, isShareable: true, entry: { body: Buffer.from(value), ttlMs: 3_600_000, namedTags } };
      };
      const got = await ask(row, produce, {}, true);
      await turn();
      return got;
    },
    getAlone: (row, run) => ask(row, async () => ({ value: await run(), isShareable: false })),
  };
}

const gives = (value: string) => () => Promise.resolve(value);

/** By a process that reaches what all share. */
async function write(row: number): Promise<void> {
  const tag = plainTag(`row:${row}`);
  const settle = outbox.commit([tag]);
  await there.store.invalidate([ANY, familyTag(tag), tag], [], BUDGET_MS);
  settle();
}

describe('of what was kept while what is shared was away, when it goes away again', () => {
  it.each([
    ['taken over then', false],
    ['made then', true],
  ])('nothing is believed that nobody has kept right since: %s', async (_, isMadeAway) => {
    const one = start();
    if (!isMadeAway) await one.get(1, gives('old'));
    here.store.fail();
    expect((await one.get(1, gives('old'))).value).toBe('old');
    here.store.restore();
    await one.get(2, gives('other'));
    await write(1);
    clock.advance(90_000);
    await one.get(2, gives('other'));

    here.store.fail();

    expect((await one.get(1, gives('new'))).value).toBe('new');
  });

  it('nothing is believed on the word of a question that was put before', async () => {
    const one = start();
    await one.get(1, gives('old'));
    await write(1);
    here.store.fail();
    await one.get(2, gives('other'));
    const mayAnswer = deferred();
    const follow = outbox.follow.bind(outbox);
    jest.spyOn(outbox, 'follow').mockImplementationOnce(async (mark) => {
      const news = await follow(mark);
      await mayAnswer.promise;
      return news;
    });
    const asked = one.get(1, gives('new'));
    await turn();
    here.store.restore();
    await one.get(3, gives('other'));
    here.store.fail();
    const another = one.get(4, gives('other'));
    await turn();

    mayAnswer.resolve();

    expect((await asked).value).toBe('new');
    await another;
  });

  it('nothing is believed that this process has invalidated, also where an answer of before comes later', async () => {
    const one = start();
    await one.get(1, gives('old'));
    here.store.replyLate(10, 'tokens');
    const asked = one.get(1, gives('not asked'));
    await turn();
    here.store.fail('invalidate');
    const tag = plainTag('row:1');
    await one.store.invalidate([ANY, familyTag(tag), tag], [], BUDGET_MS).catch(() => undefined);
    await pass(clock, 20);
    await asked;

    here.store.fail();

    expect((await one.get(1, gives('new'))).value).toBe('new');
  });
});

describe('runs while what is shared is away', () => {
  const bulkhead = { concurrency: 1, maxWaiting: 1000, maxWaitMs: 2000 };

  it('do not wait for the lease of one that waits for their place', async () => {
    const one = start(here, { bulkhead });
    here.store.fail();
    const mayAsk = deferred();
    const sinceMs = clock.monotonicMs();
    let outerMs = Infinity;
    const outer = one
      .get(1, async () => {
        await mayAsk.promise;
        return (await one.get(2, gives('inner'))).value;
      })
      .finally(() => (outerMs = clock.monotonicMs() - sinceMs));
    await turn();
    const direct = one.get(2, gives('inner'));
    await turn();

    mayAsk.resolve();
    await pass(clock, 100);

    expect(outerMs).toBeLessThan(100);
    expect((await direct).value).toBe('inner');
    await outer;
  });

  it('are in the bulkhead, also those that are for their own caller alone', async () => {
    const one = start(here, { bulkhead: { ...bulkhead, concurrency: 2 } });
    here.store.fail();
    let [now, most] = [0, 0];
    const run = async () => {
      most = Math.max(most, ++now);
      await new Promise<void>((end) => clock.schedule(50, end));
      now--;
      return 'own';
    };

    const all = Array.from({ length: 30 }, () => one.getAlone(1, run));
    await pass(clock, 2000);

    await Promise.all(all);
    expect(most).toBe(2);
  });
});

describe('of what a part of the store that is away has, while others are not', () => {
  const family = familyTag(plainTag('row:1'));
  let mine: PartitionedStore;
  let others: PartitionedStore;
  /** Its tag is in another part than that of its family. */
  let row: number;

  beforeEach(() => {
    [mine, others] = simulatePartitions(2, 2, clock) as [PartitionedStore, PartitionedStore];
    row = 1;
    while (mine.partOf(plainTag(`row:${row}`)) === mine.partOf(family)) row++;
  });

  const part = () => mine.partOf(plainTag(`row:${row}`));

  /** A write by a process that reaches all, up to the moment before it invalidates. @returns does that, and is acknowledged then */
  function begun(): () => Promise<void> {
    const tag = plainTag(`row:${row}`);
    outbox.commit([tag]);
    return () => others.invalidate([ANY, family, tag], [], BUDGET_MS);
  }

  it('nothing is kept whose row was written before its tag was known, and is taken away only after that', async () => {
    const one = start({ clock, store: mine });
    const mayGive = deferred();
    part().fail();
    const asked = one.getNamed(row, async () => {
      await mayGive.promise;
      return 'old';
    });
    await turn();
    const acknowledge = begun();

    mayGive.resolve();
    await asked;
    await acknowledge();

    expect((await one.getNamed(row, gives('new'))).value).toBe('new');
  });

  it('nor where it is back by the time that its family is asked about', async () => {
    const one = start({ clock, store: mine });
    await one.getNamed(row + 1000, gives('another'));
    part().fail();
    const mayGive = deferred();
    const asked = one.getNamed(row, async () => {
      await mayGive.promise;
      return 'old';
    });
    await turn();
    const acknowledge = begun();
    const follow = outbox.follow.bind(outbox);
    jest.spyOn(outbox, 'follow').mockImplementationOnce(async (mark) => {
      const news = await follow(mark);
      part().restore();
      return news;
    });

    mayGive.resolve();
    await asked;
    await acknowledge();
    part().fail();

    expect((await one.getNamed(row, gives('new'))).value).toBe('new');
  });

  it('nothing is believed that was held before all was invalidated', async () => {
    const one = start({ clock, store: mine });
    while (mine.partOf(prefixTag('view', [String(row)])) !== part()) row++;
    await one.get(row + 1000, gives('another'));
    for (const each of mine.parts) each.fail();
    await one.get(row, gives('old'));
    const settle = outbox.commit([EPOCH]);
    await others.invalidate([EPOCH], [], BUDGET_MS);
    settle();

    for (const each of mine.parts) if (each !== part()) each.restore();

    expect((await one.get(row, gives('new'))).value).toBe('new');
  });
});

describe('what was named lately', () => {
  it('is not believed where the outbox could not be asked until it tells of less', async () => {
    const one = start();
    await one.get(1, gives('old'));
    await write(1);
    clock.advance(20_000);
    await one.get(2, gives('other'));
    here.store.fail();
    const follow = jest.spyOn(outbox, 'follow').mockRejectedValue(new Error('the database is away'));
    await one.get(2, gives('other'));
    clock.advance(15_000);
    follow.mockRestore();

    expect((await one.get(1, gives('new'))).value).toBe('new');
  });
});

/** How a process invalidates that goes through an outbox which is followed. */
function settlementBy(
  announce: (tags: readonly string[]) => Promise<void>,
  invalidate: (tags: readonly string[]) => Promise<boolean>,
): UnitSettlement {
  return new UnitSettlement({
    outbox: { isFollowed: true, isReady: true, announce } as Partial<Outbox> as Outbox,
    clock,
    invalidate,
    background: new BackgroundWork(),
    onPending: () => undefined,
  });
}

it('what a process announced, and invalidated only after it had stood still, is told of once more', async () => {
  const one = start();
  const writer = start(there);
  await one.get(1, gives('old'));
  const announce = (tags: readonly string[]) => {
    outbox.commit(tags)();
    return Promise.resolve();
  };
  const settlement = settlementBy(announce, async (tags) => {
    clock.advance(6000);
    // Another, which reaches what is shared, is still given what that keeps.
    expect((await one.get(1, gives('not asked'))).value).toBe('old');
    return writer.engine.invalidate(tags);
  });
  expect(await settlement.invalidate([plainTag('row:1')])).toBe(true);

  here.store.fail();
  clock.advance(24_900);

  expect((await one.get(1, gives('new'))).value).toBe('new');
});

it('what hears of an invalidation from the backplane finds it in the outbox', async () => {
  const one = start();
  const writer = start(there);
  const mayTell = deferred();
  const announce = async (tags: readonly string[]) => {
    await mayTell.promise;
    outbox.commit(tags)();
  };
  const settlement = settlementBy(announce, (tags) => writer.engine.invalidate(tags));
  const bounded = { consistency: 'bounded' } as const;
  await one.get(1, gives('old'), bounded);
  here.store.fail();
  const acknowledged = settlement.invalidate([plainTag('row:1')]);
  await one.get(1, gives('not acknowledged'), bounded);

  mayTell.resolve();

  expect(await acknowledged).toBe(true);
  clock.advance(2000);
  expect((await one.get(1, gives('new'), bounded)).value).toBe('new');
  here.store.restore();
  clock.advance(2000);
  expect((await one.get(1, gives('new'), bounded)).value).toBe('new');
});

it('few questions hang at a time where the outbox says nothing', async () => {
  const { store } = start();
  here.store.fail();
  const follow = jest.spyOn(outbox, 'follow').mockReturnValue(deferred<OutboxNews>().promise);

  for (let n = 0; n < 8; n++) {
    await store.tokens([EPOCH], BUDGET_MS).catch(() => undefined);
    clock.advance(1000);
  }

  expect(follow.mock.calls.length).toBeLessThan(5);
});
