import { deferred, turn } from '../support/deferred.js';
import { simulatePartitions, type PartitionedStore } from '../support/partitioned-store.js';
import { SimulatedOutbox } from '../support/simulated-outbox.js';
import { gives, pass, subjectParts, testEngine } from '../support/test-engine.js';
import type { EngineOptions } from '../../src/cache/engine/engine-options.js';
import { L1Entries } from '../../src/cache/engine/l1-entries.js';
import { Subject } from '../../src/cache/engine/subject.js';
import type { Store } from '../../src/cache/engine/store.js';
import { ANY, familyTag, plainTag, prefixTag } from '../../src/cache/engine/tags.js';
import {
  FakeClock,
  simulateInstances,
  type FaultyStore,
  type SimulatedInstance,
} from '../../src/cache/testing/index.js';
import { storeKey } from '../../src/cache/engine/cache-key.js';
import { FollowingStore } from '../../src/cache/stores/following.store.js';
import { MAX_SEEN } from '../../src/cache/stores/seen-tokens.js';

const BUDGET_MS = 150;
let clock: FakeClock;
let outbox: SimulatedOutbox;

beforeEach(() => {
  clock = new FakeClock();
  outbox = new SimulatedOutbox(clock);
});

function start(shared: Store, options: Partial<EngineOptions> = {}) {
  const l1 = new L1Entries(clock, 10_000_000);
  const store = new FollowingStore(shared, outbox, clock, l1);
  const one = testEngine({ clock, store }, { l1, ...options });
  const get = async (prefix: string, tag: string, run: () => Promise<string>, isNamedByResult = false) => {
    const subject = new Subject({
      ...subjectParts({}, `${prefix}|/${tag}`),
      prefix,
      furtherTags: { mayBeNamed: isNamedByResult, families: isNamedByResult ? [plainTag('row')] : [] },
      tags: () => [prefixTag(prefix), ...(isNamedByResult ? [] : [plainTag(tag)])],
    });
    const { value } = await one.get(subject, run, isNamedByResult ? [plainTag(tag)] : [], 3_600_000);
    await turn();
    return value;
  };
  return { store, get };
}

/**
 * A run that began under an own token uses what the shared store still keeps once it is back. What it names is announced by
 * then (as by `CacheService.invalidate`), and taken away there later. It is handed that by a loader which works for several
 * requests, so it does not know under which tokens that was kept.
 *
 * @param end  what becomes of the run then, whose result names the tag; without it the tag is certain
 */
async function useWhatIsKept(
  { get }: ReturnType<typeof start>,
  tag: string,
  away: readonly FaultyStore[],
  back: FaultyStore,
  end?: () => Promise<void>,
): Promise<void> {
  await get('inner', tag, gives('old'));
  outbox.commit([plainTag(tag)])();
  for (const store of away) store.fail();
  const mayLoad = deferred();
  const loaded = mayLoad.promise.then(() => get('inner', tag, gives('fresh')));
  const run = async () => {
    const value = await loaded;
    await end?.();
    return value;
  };
  const asked = get('outer', tag, run, end !== undefined);
  await turn();
  back.restore();
  mayLoad.resolve();
  expect(await asked).toBe('old');
}

async function forgetWhatWasSeen({ store }: ReturnType<typeof start>): Promise<void> {
  const many = Array.from({ length: MAX_SEEN + 1 }, (_, n) => plainTag(`many:${n}`));
  await store.open({ keyText: 'k', key: 'k' }, many, 60_000, BUDGET_MS);
}

describe('a token of this process is dead once the shared store has named its tag, for a run may have used what that kept then', () => {
  it('cluster: one master comes and goes, another stays away', async () => {
    const [mine, others] = simulatePartitions(2, 3, clock) as [PartitionedStore, PartitionedStore];
    const one = start(mine);
    const tag = 'row:1';
    const part = mine.partOf(plainTag(tag));
    let away = 2;
    while (mine.partOf(plainTag(`row:${away}`)) === part) away++;
    const stays = mine.partOf(plainTag(`row:${away}`));
    await useWhatIsKept(one, tag, [part, stays], part);
    await others.invalidate([ANY, familyTag(plainTag(tag)), plainTag(tag)], [], BUDGET_MS);
    for (let n = 0; n < 3; n++) {
      clock.advance(10_000);
      await one.get('inner', `row:${away}`, gives('other'));
    }

    part.fail();

    expect(await one.get('outer', tag, gives('new'))).toBe('new');
  });

  it('one server: too many other tags were asked about meanwhile', async () => {
    const [here, there] = simulateInstances(2, clock) as [SimulatedInstance, SimulatedInstance];
    const one = start(here.store);
    const tag = 'row:1';
    await useWhatIsKept(one, tag, [here.store], here.store);
    await there.store.invalidate([ANY, familyTag(plainTag(tag)), plainTag(tag)], [], BUDGET_MS);
    await forgetWhatWasSeen(one);

    here.store.fail();

    expect(await one.get('outer', tag, gives('new'))).toBe('new');
  });
});

it('so is one of a family, whichever tag the shared store has named', async () => {
  const [here, there] = simulateInstances(2, clock) as [SimulatedInstance, SimulatedInstance];
  const one = start(here.store);
  const tag = 'row:1';
  await useWhatIsKept(one, tag, [here.store], here.store, async () => {
    await forgetWhatWasSeen(one);
    here.store.fail();
  });
  await turn();
  await there.store.invalidate([ANY, familyTag(plainTag(tag)), plainTag(tag)], [], BUDGET_MS);

  expect(await one.get('outer', tag, gives('new'), true)).toBe('new');
});

describe('where nobody answers for a family only', () => {
  const setUp = () => {
    const [a, b] = simulatePartitions(2, 7, clock) as [PartitionedStore, PartitionedStore];
    const prefixes: string[] = [];
    for (let n = 0; prefixes.length < 30; n++) {
      const prefix = `p${n}`;
      const names = [prefixTag(prefix), storeKey(prefix, `${prefix}|/row:1`)];
      if (names.every((name) => a.partOf(name) !== a.partOf(ANY))) prefixes.push(prefix);
    }
    a.partOf(ANY).fail();
    return { a, b, prefixes };
  };
  const bulkhead = { concurrency: 2, maxWaiting: 1000, maxWaitMs: 60_000 };

  it('runs are in the bulkhead', async () => {
    const { a, prefixes } = setUp();
    const one = start(a, { bulkhead });
    let [now, most] = [0, 0];
    const run = async () => {
      most = Math.max(most, ++now);
      await new Promise<void>((end) => clock.schedule(50, end));
      now--;
      return 'v';
    };

    const all = prefixes.map((prefix) => one.get(prefix, 'row:1', run, true));
    await pass(clock, 5000);

    await Promise.all(all);
    expect(most).toBe(2);
  });

  it('nobody who reaches all waits for what such a run gives', async () => {
    const { a, b, prefixes } = setUp();
    const [one, two] = [start(a), start(b)];
    const [prefix] = prefixes as [string];
    const run = async () => {
      await new Promise<void>((end) => clock.schedule(50, end));
      return 'v';
    };
    const all: Promise<unknown>[] = [];
    const every = async () => {
      for (let n = 0; n < 200; n++) await one.get(prefix, 'row:1', run, true);
    };
    all.push(every());
    await pass(clock, 30);
    const sinceMs = clock.monotonicMs();
    let tookMs = Infinity;
    all.push(two.get(prefix, 'row:1', run, true).then(() => (tookMs = clock.monotonicMs() - sinceMs)));
    await pass(clock, 30_000);
    await Promise.all(all);

    expect(tookMs).toBeLessThan(200);
  });
});
