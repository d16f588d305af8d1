import { CacheEngine } from '../../src/cache/engine/cache-engine.js';
import { defaultPolicy } from '../../src/cache/engine/entry-policy.js';
import { EntryStore } from '../../src/cache/engine/entry-store.js';
import { L1Entries } from '../../src/cache/engine/l1-entries.js';
import { SingleFlight } from '../../src/cache/engine/single-flight.js';
import type { Produced } from '../../src/cache/engine/factory.js';
import { Subject } from '../../src/cache/engine/subject.js';
import { plainTag, softTag } from '../../src/cache/engine/tags.js';
import { MemoryStore } from '../../src/cache/stores/memory.store.js';
import { FakeClock, FaultyStore, SimulatedLink } from '../../src/cache/testing/index.js';
import { plainLimits } from '../support/test-engine.js';
import { explore, type Scenario, type Stage } from './schedule.js';
import { SteppingMemoryStore } from './stepping-memory-store.js';

jest.setTimeout(600_000);

/** All there are with `EVERY_ORDER=1 npm test -- test/property`, where that ends. */
const ORDERS = process.env.EVERY_ORDER
  ? { inTurn: 100_000, atRandom: 100_000 }
  : { inTurn: 100, atRandom: 250 };
const ORDERS_TO_FIND_ONE = { inTurn: 0, atRandom: 100_000 };
const TTL_MS = 600_000;
const MAX_BYTES = 1_000_000;

const tag = plainTag('course:1');

interface Plan {
  /** Two processes share the store, and read each; the writer is one of them. Default: one, alone. */
  readonly isShared?: boolean;
  /** The invalidation only outdates what it names, and entries outlive it for so long. Default: it is a hard one. */
  readonly minFreshMs?: number;
  /** The invalidation is refused, and owed until the store takes invalidations again, which is at any moment. */
  readonly isRefused?: boolean;
  /** Planted: for how long entries outlive it in truth. */
  readonly outlivesMs?: number;
  /** Planted: it is confirmed, and was not done. */
  readonly isLost?: boolean;
  /** Planted: the value is read before the tokens. */
  readonly readsBeforeOpening?: boolean;
}

const [LONGEST_PAUSE_MS, PAUSES, PATIENCE_MS] = [300, 3, 10_000];

/** Its pauses end when the explorer lets them; who has paused a few times has waited for as long as anybody does. */
class SteppingClock extends FakeClock {
  #pauses = 0;

  constructor(private readonly stage: Stage) {
    super();
  }

  override schedule(ms: number, run: () => void): () => void {
    if (ms > LONGEST_PAUSE_MS) return super.schedule(ms, run);
    let isTakenBack = false;
    void this.stage.step('a pause ends').then(() => {
      if (isTakenBack) return;
      this.advance(++this.#pauses < PAUSES ? ms : PATIENCE_MS);
      run();
    });
    return () => {
      isTakenBack = true;
    };
  }
}

/**
 * One value in a database, two readers and a writer. Who starts after the write was acknowledged must see it; of a soft one,
 * after the time for which entries may outlive it. Of one that was refused, that is so in the writer's own process.
 */
function scenario(plan: Plan): Scenario {
  return (stage) => {
    const clock = new SteppingClock(stage);
    const entries = new L1Entries(clock, MAX_BYTES);
    const memory = new SteppingMemoryStore(stage, clock, entries);
    const faulty = new FaultyStore(memory, clock);
    if (plan.isRefused) faulty.fail('invalidate');
    if (plan.isLost) faulty.lose('invalidate');
    const newEngine = () => {
      // Of one that hears nothing of the others.
      const link = new SimulatedLink(clock);
      link.cut();
      return new CacheEngine({
        store: plan.isRefused || plan.isLost ? faulty : memory,
        l1: plan.isShared ? new L1Entries(clock, MAX_BYTES) : entries,
        backplane: plan.isShared ? link : undefined,
        clock,
        emit: () => undefined,
        ...plainLimits,
      });
    };
    const here = newEngine();
    const elsewhere = plan.isShared ? newEngine() : here;
    const minFreshMs = plan.outlivesMs ?? plan.minFreshMs ?? 0;
    const subject = new Subject({
      prefix: 'view',
      keyText: 'view|/1',
      shape: '',
      policy: { ...defaultPolicy, minFreshMs },
      tags: () => [tag],
    });
    let [stored, acknowledged] = [0, 0];
    let violation: string | undefined;

    const query = async () => {
      await stage.step('query');
      const value = stored;
      // It is on its way for a while.
      await stage.step('answer');
      return value;
    };
    const read = async (engine: CacheEngine) => {
      const atLeast = acknowledged;
      const early = plan.readsBeforeOpening ? await query() : undefined;
      const factory = async (): Promise<Produced<number>> => {
        const value = early ?? (await query());
        const entry = { body: Buffer.from(String(value)), ttlMs: TTL_MS, namedTags: [] };
        return { value, isShareable: true, entry };
      };
      const { value } = await engine.getOrSet(subject, factory, ({ body }) => Number(body.toString()));
      if (value < atLeast) violation ??= 'a reader who started after the acknowledgement got the old value';
    };
    const readLater = async (engine: CacheEngine) => {
      await stage.step('a later reader');
      await read(engine);
    };
    const write = async () => {
      await stage.step('commit');
      stored = 1;
      const isSoft = plan.minFreshMs !== undefined;
      await elsewhere.invalidate([isSoft ? softTag(tag) : tag]);
      if (isSoft) {
        await stage.step('time passes');
        clock.advance(plan.minFreshMs ?? 0);
      }
      acknowledged = 1;
    };
    const takeAgain = async () => {
      await stage.step('takes invalidations again');
      faulty.restore();
    };
    const actors = [read(here), write(), readLater(here), readLater(elsewhere)];
    if (plan.isRefused) actors.push(takeAgain());
    const over = Promise.all(actors).then(() =>
      Promise.all([here.background.settle(), elsewhere.background.settle()]),
    );
    return { actors: [...actors, over], verdict: () => violation };
  };
}

afterEach(() => {
  jest.restoreAllMocks();
});

describe('the store in memory, in many orders of events: nobody who starts after a write was acknowledged gets the old value', () => {
  it.each<[string, Plan]>([
    ['one process', {}],
    ['a soft invalidation that entries outlive for no time', { minFreshMs: 0 }],
    ['a soft invalidation that entries outlive for a while', { minFreshMs: 500 }],
    ['two processes, of which one is denied the lease', { isShared: true }],
    ['two processes, a soft invalidation', { isShared: true, minFreshMs: 500 }],
    ['an invalidation that is refused, and owed', { isRefused: true }],
  ])('%s', async (title, plan) => {
    const { runs, isComplete, violation } = await explore(scenario(plan), ORDERS);

    process.stdout.write(`${title}: ${isComplete ? 'all' : 'some, in turn and at random:'} ${runs} orders\n`);
    expect(violation).toBeUndefined();
    expect(runs).toBeGreaterThan(100);
  });

  it('denies the lease in some of them', async () => {
    const denied = jest.spyOn(MemoryStore.prototype, 'open');
    await explore(scenario({ isShared: true }), { inTurn: 0, atRandom: 50 });

    const opened = await Promise.all(
      denied.mock.results.map(({ value }) => value as ReturnType<MemoryStore['open']>),
    );
    expect(opened.some(({ hasLease }) => !hasLease)).toBe(true);
  });
});

describe('the exploration of the store in memory has teeth: it finds', () => {
  it.each<[string, Plan]>([
    ['a value that was read before its tokens', { isShared: true, readsBeforeOpening: true }],
    ['entries that outlive a soft invalidation for too long', { minFreshMs: 500, outlivesMs: 5000 }],
    ['an invalidation that is confirmed and was not done', { isShared: true, isLost: true }],
  ])('%s', async (_, plan) => {
    expect((await explore(scenario(plan), ORDERS_TO_FIND_ONE)).violation).toContain('got the old value');
  });

  it.each<[string, Plan]>([
    ['a run that may be joined after it was overtaken', {}],
    ['a run that may be joined after it was softly overtaken', { minFreshMs: 500 }],
  ])('%s', async (_, plan) => {
    jest.spyOn(SingleFlight.prototype, 'doom').mockReturnValue(undefined);
    jest.spyOn(EntryStore.prototype, 'isCurrent').mockResolvedValue(true);

    expect((await explore(scenario(plan), ORDERS_TO_FIND_ONE)).violation).toContain('got the old value');
  });

  it('a soft invalidation that changes nothing', async () => {
    jest.spyOn(MemoryStore.prototype, 'invalidate').mockResolvedValue(undefined);

    const { violation } = await explore(scenario({ isShared: true, minFreshMs: 500 }), ORDERS_TO_FIND_ONE);

    expect(violation).toContain('got the old value');
  });
});
