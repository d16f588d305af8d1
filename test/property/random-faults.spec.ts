import { pause } from '../../src/cache/engine/clock.js';
import { CacheEngine } from '../../src/cache/engine/cache-engine.js';
import type { CacheEvent } from '../../src/cache/engine/cache-events.js';
import { Coherence } from '../../src/cache/engine/coherence.js';
import { defaultPolicy } from '../../src/cache/engine/entry-policy.js';
import { EntryStore } from '../../src/cache/engine/entry-store.js';
import { L1Entries } from '../../src/cache/engine/l1-entries.js';
import { SingleFlight } from '../../src/cache/engine/single-flight.js';
import type { Produced } from '../../src/cache/engine/factory.js';
import { Subject } from '../../src/cache/engine/subject.js';
import { EPOCH, plainTag, prefixTag, softTag } from '../../src/cache/engine/tags.js';
import { FollowingStore } from '../../src/cache/stores/following.store.js';
import { OutboxFollower } from '../../src/cache/stores/outbox-follower.js';
import { MemoryStore } from '../../src/cache/stores/memory.store.js';
import {
  FakeClock,
  simulateInstances,
  type FaultyStore,
  type SimulatedLink,
} from '../../src/cache/testing/index.js';
import { seeded } from '../history/seeded.js';
import { turn } from '../support/deferred.js';
import { simulatePartitions, type PartitionedStore } from '../support/partitioned-store.js';
import { SimulatedOutbox } from '../support/simulated-outbox.js';
import { pass, plainLimits } from '../support/test-engine.js';

jest.setTimeout(300_000);

const HISTORIES = 25;
const HISTORIES_TO_FIND_ONE = 500;
const STEPS = 120;
/** Nobody waits for longer, whatever happens. */
const LONGEST_WAIT_MS = 60_000;
const MAX_BYTES = 10_000_000;

/** What the processes share, and by what they go while it is away, or parts of it. */
interface Setting {
  readonly isFollowed?: boolean;
  readonly parts?: number;
}

let hitsWhileAway = 0;

/** Small numbers are much alike to a generator. */
const generator = (seed: number) => seeded(Math.imul(seed, 0x9e37_79b1));

/** Of a process: to the others, and to what all share, or to a part of it. */
interface Ways {
  readonly store: FaultyStore;
  readonly backplane: SimulatedLink | undefined;
}

type Fault = (ways: Ways) => void;

const loses: Fault = ({ store }) => {
  store.fail();
};
const faults: readonly Fault[] = [
  loses,
  ({ store }) => {
    store.fail('open');
  },
  ({ store }) => {
    store.delay(20, 'read', 'open', 'tokens');
  },
  ({ store }) => {
    store.delay(30, 'invalidate');
  },
  ({ store }) => {
    store.replyLate(30, 'open', 'tokens');
  },
  ({ store }) => {
    store.hang('tokens');
  },
  ({ store }) => {
    store.hang('write');
  },
  ({ backplane }) => {
    backplane?.cut();
  },
  ({ backplane }) => {
    backplane?.silence();
  },
  ({ backplane }) => {
    backplane?.delay(40);
  },
  restore,
  restore,
];

function restore({ store, backplane }: Ways): void {
  store.restore();
  backplane?.restore();
}

/** What three processes share, or each a way of its own to it. */
function simulate(
  parts: number,
  clock: FakeClock,
): { shared: FaultyStore | PartitionedStore; backplane: SimulatedLink | undefined; ways: readonly Ways[] }[] {
  if (parts === 1)
    return simulateInstances(3, clock).map((ways) => ({
      shared: ways.store,
      backplane: ways.backplane,
      ways: [ways],
    }));
  return simulatePartitions(3, parts, clock).map((shared) => ({
    shared,
    backplane: undefined,
    ways: shared.parts.map((store) => ({ store, backplane: undefined })),
  }));
}

/**
 * Three processes, two rows, and methods that read a row, or what another such method made of it; writers, and faults of
 * each process's ways to the store and to the others, all at random.
 *
 * @returns what was wrong first, if anything
 */
async function history(seed: number, { isFollowed, parts = 1 }: Setting): Promise<string | undefined> {
  const random = generator(seed);
  const pick = <T>(choices: readonly [T, ...T[]] | readonly T[]): T =>
    choices[Math.floor(random() * choices.length)] as T;
  const clock = new FakeClock();
  const outbox = new SimulatedOutbox(clock, random);
  const processes = simulate(parts, clock).map(({ shared, backplane, ways }) => {
    const l1 = new L1Entries(clock, pick([0, MAX_BYTES, MAX_BYTES]));
    const store = isFollowed ? new FollowingStore(shared, outbox, clock, l1) : shared;
    const emit = (event: CacheEvent) => {
      if (event.event !== 'cache.hit') return;
      const isAway = (tag: string) => ('isAway' in shared ? shared.isAway(tag) : !shared.isAvailable());
      if (event.subject.tags.some(isAway)) hitsWhileAway++;
    };
    return { ways, engine: new CacheEngine({ clock, backplane, store, l1, emit, ...plainLimits }) };
  });
  /** Which part has what depends on its name. */
  const rowTag = (row: number) => plainTag(`row${seed % 10}:${row}`);
  const [rows, acknowledged] = [
    [0, 0],
    [0, 0],
  ];
  let violation: string | undefined;

  const policy = {
    ...defaultPolicy,
    graceMs: pick([0, 5000]),
    softTimeoutMs: pick([Infinity, 0, 200]),
    refreshAhead: pick([0.5, 0.8, 1]),
    retryAfterMs: 500,
  };
  const ttlMs = pick([300, 2000, 10_000]);
  const softShare = pick([0, 0.5, 1]);
  const isNamedByResult = pick([true, false]);
  const levels = [0, 1, 2];
  const subjectOf = (level: number, row: number) => {
    const tags = isNamedByResult ? [] : [rowTag(row)];
    const keyText = `view${level}|${row}|${seed % 10}`;
    return new Subject({
      prefix: `view${level}`,
      keyText,
      shape: '',
      policy,
      furtherTags: { mayBeNamed: isNamedByResult },
      tags: () => [prefixTag(`view${level}`), ...tags],
    });
  };
  const ask = async (engine: CacheEngine, level: number, row: number): Promise<number> => {
    const factory = async (): Promise<Produced<number>> => {
      if (random() < 0.4) await pause(clock, random() * 800);
      const value = level > 0 ? await ask(engine, level - 1, row) : (rows[row] ?? 0);
      if (random() < 0.4) await pause(clock, random() * 800);
      if (random() < 0.05) throw new Error('the source failed');
      if (random() < 0.05) return { value, isShareable: true, notStoredBecause: 'unless' };
      const namedTags = isNamedByResult ? [rowTag(row)] : [];
      return { value, isShareable: true, entry: { body: Buffer.from(String(value)), ttlMs, namedTags } };
    };
    const revive = ({ body }: { body: Buffer }) => Number(body.toString());
    return (await engine.getOrSet(subjectOf(level, row), factory, revive)).value;
  };
  const read = async (engine: CacheEngine, step: number) => {
    const row = pick([0, 1]);
    const atLeast = acknowledged[row] ?? 0;
    const sinceMs = clock.monotonicMs();
    const value = await ask(engine, pick(levels), row).catch(() => Infinity);
    if (value < atLeast) violation ??= `step ${step}: ${value} was read after ${atLeast} was acknowledged`;
    const tookMs = clock.monotonicMs() - sinceMs;
    if (tookMs > LONGEST_WAIT_MS) violation ??= `step ${step}: a reader waited for ${tookMs} ms`;
  };
  const write = async (engine: CacheEngine) => {
    const row = pick([0, 1]);
    await pause(clock, random() * 50);
    const value = (rows[row] ?? 0) + 1;
    rows[row] = value;
    const tag = random() < 0.05 ? EPOCH : rowTag(row);
    const tags = [random() < softShare ? softTag(tag) : tag];
    const settle = outbox.commit(tags);
    await pause(clock, random() * 100);
    const isConfirmed = await engine.invalidate(tags);
    if (!isConfirmed) return;
    acknowledged[row] = Math.max(acknowledged[row] ?? 0, value);
    await pause(clock, random() * 1000);
    settle();
  };

  let underWay = 0;
  for (let step = 0; step < STEPS; step++) {
    const one = pick(processes);
    const chance = random();
    if (chance < 0.9) {
      underWay++;
      const act = chance < 0.6 ? read(one.engine, step) : write(one.engine);
      void act.finally(() => underWay--);
    } else if (isFollowed && chance < 0.95) loses(pick(one.ways));
    else pick(faults)(pick(one.ways));
    const waits = Math.ceil(random() * 4);
    for (let waited = 0; waited < waits; waited++) {
      clock.advance(pick([0, 1, 5, 10, 50]));
      await turn();
    }
  }
  for (const { ways } of processes) ways.forEach(restore);
  for (let waitedMs = 0; underWay > 0 && waitedMs < LONGEST_WAIT_MS; waitedMs += 100) await pass(clock, 100);
  return violation ?? (underWay > 0 ? `${underWay} were never answered` : undefined);
}

/** @returns what was wrong with the first of them that shows anything */
async function histories(most: number, setting: Setting = {}): Promise<string | undefined> {
  const first = Math.floor(Math.random() * 1_000_000);
  for (let seed = first; seed < first + most; seed++) {
    const violation = await history(seed, setting);
    if (violation) return `history ${seed}, ${violation}`;
  }
  return undefined;
}

afterEach(() => {
  jest.restoreAllMocks();
});

it('whatever faults strike at random, who asks after a write was acknowledged gets no older value, and all are answered', async () => {
  expect(await histories(HISTORIES)).toBeUndefined();
});

it('so it is where the processes go by the outbox while their store is away', async () => {
  hitsWhileAway = 0;

  expect(await histories(HISTORIES, { isFollowed: true })).toBeUndefined();
  expect(hitsWhileAway).toBeGreaterThan(0);
});

it('and where parts of it are away, and others are not', async () => {
  hitsWhileAway = 0;

  expect(await histories(HISTORIES, { isFollowed: true, parts: 3 })).toBeUndefined();
  expect(hitsWhileAway).toBeGreaterThan(0);
});

describe('such histories have teeth: they find', () => {
  it('a run that may be joined after it was overtaken', async () => {
    jest.spyOn(SingleFlight.prototype, 'doom').mockReturnValue(undefined);
    jest.spyOn(EntryStore.prototype, 'isCurrent').mockResolvedValue(true);

    expect(await histories(HISTORIES_TO_FIND_ONE)).toContain('was acknowledged');
  });

  it('an entry that is believed without being asked about', async () => {
    jest.spyOn(Coherence.prototype, 'vouchesFor').mockReturnValue(true);

    expect(await histories(HISTORIES_TO_FIND_ONE)).toContain('was acknowledged');
  });

  it('an invalidation that is confirmed and was not done', async () => {
    jest.spyOn(MemoryStore.prototype, 'invalidate').mockResolvedValue(undefined);

    expect(await histories(HISTORIES_TO_FIND_ONE)).toContain('was acknowledged');
  });

  it('an outbox that is gone by without being asked', async () => {
    jest.spyOn(OutboxFollower.prototype, 'catchUp').mockResolvedValue(undefined);

    expect(await histories(HISTORIES_TO_FIND_ONE, { isFollowed: true })).toContain('was acknowledged');
  });

  it('a soft invalidation that leaves what each process answers for as it was', async () => {
    const invalidate = Reflect.get(MemoryStore.prototype, 'invalidate');
    jest.spyOn(MemoryStore.prototype, 'invalidate').mockImplementation(function (
      this: MemoryStore,
      hard,
      soft,
    ) {
      return invalidate.call(this, hard, this.isShared ? soft : []);
    });

    expect(await histories(HISTORIES_TO_FIND_ONE, { isFollowed: true })).toContain('was acknowledged');
  });

  describe('where parts of the store are away', () => {
    const setting = { isFollowed: true, parts: 3 };

    it('an outbox that is gone by without being asked', async () => {
      jest.spyOn(OutboxFollower.prototype, 'catchUp').mockResolvedValue(undefined);

      expect(await histories(HISTORIES_TO_FIND_ONE, setting)).toContain('was acknowledged');
    });

    it('tokens that are taken over whatever the outbox tells of them', async () => {
      jest.spyOn(SimulatedOutbox.prototype, 'tellsAnew').mockReturnValue(false);

      expect(await histories(HISTORIES_TO_FIND_ONE, setting)).toContain('was acknowledged');
    });
  });
});
