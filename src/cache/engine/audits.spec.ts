import { deferred, turn, type Deferred } from '../../../test/support/deferred.js';
import { aSubject, course, testEngine, type TestEngine } from '../../../test/support/test-engine.js';
import { FakeClock, simulateInstances, type SimulatedInstance } from '../testing/index.js';
import { CurrentRun } from './current-run.js';
import type { EngineOptions } from './engine-options.js';
import type { EntryPolicy } from './entry-policy.js';
import type { Subject } from './subject.js';
import { softTag } from './tags.js';
import { wholeForm } from './entry-policy.js';

let clock: FakeClock;
let one: TestEngine;
let other: TestEngine;
/** What the method reads. */
let source: string;
let runs: number;
let gate: Deferred<void> | undefined;

/** A view whose hits are audited. */
function audited(policy: Partial<EntryPolicy> = {}, keyText?: string): Subject {
  return aSubject({ audited: wholeForm, ...policy }, keyText);
}

async function ask(of = audited(), method = () => source): Promise<string> {
  const { value } = await one.engine.getOrSet(
    of,
    async () => {
      runs++;
      const value = method();
      await gate?.promise;
      return {
        value,
        isShareable: true,
        entry: { body: Buffer.from(value), ttlMs: 60_000, namedTags: [] },
      };
    },
    (entry) => entry.body.toString(),
  );
  return value;
}

/** Has an answer kept, and hits it. */
async function keepAndHit(of?: Subject, method?: () => string): Promise<void> {
  await ask(of, method);
  await one.engine.background.settle();
  await ask(of, method);
}

/** Lets time pass in steps, each long enough for what is due to end. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    clock.advance(Math.min(100, ms - passed));
    await one.engine.background.settle();
  }
}

/** What audits said, such as `audited 100` or `skipped busy`. */
function said(): string[] {
  return one.events.flatMap((event) => {
    if (event.event === 'cache.audited') return [`audited ${event.afterMs}`];
    if (event.event === 'cache.audit_wrong') return [`wrong ${event.afterMs}`];
    return event.event === 'cache.audit_skipped' ? [`skipped ${event.reason}`] : [];
  });
}

function use(options: Partial<EngineOptions> = {}): void {
  const [first, second] = simulateInstances(2, clock) as [SimulatedInstance, SimulatedInstance];
  one = testEngine(first, { auditRate: 1, ...options });
  other = testEngine(second);
}

beforeEach(() => {
  clock = new FakeClock();
  source = 'as it was';
  runs = 0;
  gate = undefined;
  use();
});

describe('a hit that is audited', () => {
  it('is compared with a new run after 0.1, 1 and 10 s', async () => {
    await keepAndHit();

    await pass(99);
    expect(runs).toBe(1);
    await pass(1);
    expect(runs).toBe(2);
    await pass(9900);
    expect(runs).toBe(4);
    expect(said()).toEqual(['audited 100', 'audited 1000', 'audited 10000']);
  });

  it('is wrong for as long as what changed is not invalidated', async () => {
    await keepAndHit();
    source = 'changed';
    await pass(10_500);

    const all = [100, 1000, 10_000].flatMap((afterMs) => [`audited ${afterMs}`, `wrong ${afterMs}`]);
    expect(said()).toEqual(all);
  });

  it('was late only, when the invalidation comes at last', async () => {
    await keepAndHit();
    source = 'changed';
    await pass(500);
    await one.engine.invalidate([course]);
    await pass(10_000);

    expect(said()).toEqual(['audited 100', 'wrong 100', 'audited 1000', 'audited 10000']);
  });

  it('is right when an invalidation came in between, also while it was compared', async () => {
    await keepAndHit();
    source = 'changed';
    await pass(100);
    expect(runs).toBe(2);
    await one.engine.invalidate([course]);
    await pass(10_000);

    expect(said()).toEqual(['audited 100', 'audited 1000', 'audited 10000']);
  });

  it('is right when it is served to nobody any more: nothing is run for that', async () => {
    await keepAndHit();
    source = 'changed';
    await one.engine.invalidate([course]);
    await pass(10_000);

    expect(said()).toEqual(['audited 100', 'audited 1000', 'audited 10000']);
    expect(runs).toBe(1);
  });

  it('is right once its time is over, though it is kept for those whose run fails', async () => {
    const view = audited({ graceMs: 60_000, refreshAhead: 1 });
    await ask(view);
    await one.engine.background.settle();
    clock.advance(55_000);
    await ask(view);
    source = 'changed';
    await pass(10_000);

    expect(said()).toEqual(['audited 100', 'wrong 100', 'audited 1000', 'wrong 1000', 'audited 10000']);
    expect(runs).toBe(5);
  });

  it('may stand for as long as its method lets soft invalidations wait', async () => {
    const patient = audited({ minFreshMs: 30_000 });
    await keepAndHit(patient);
    source = 'changed';
    await one.engine.invalidate([softTag(course)]);
    await pass(10_000);

    expect(await ask(patient)).toBe('as it was');
    expect(said().slice(0, 3)).toEqual(['audited 100', 'audited 1000', 'audited 10000']);
  });

  it('is wrong when this process did not hear of what another invalidated', async () => {
    await keepAndHit(audited({ consistency: 'bounded' }));
    one.backplane.silence();
    source = 'changed';
    await other.engine.invalidate([course]);
    await pass(1500);

    expect(said()).toEqual(['audited 100', 'wrong 100', 'audited 1000']);
  });

  it('has no verdict where the method says something else each time', async () => {
    await keepAndHit(audited(), () => `run ${runs}`);
    await pass(10_500);

    expect(said()).toEqual(['skipped unsteady', 'skipped unsteady', 'skipped unsteady']);
  });

  it('is compared by what the method says of it', async () => {
    const byFirstWord = audited({ audited: ({ body }) => body.toString().split(' ', 1)[0] ?? '' });
    await keepAndHit(byFirstWord);
    source = 'as ever';
    await pass(300);
    source = 'so be it';
    await pass(900);

    expect(said()).toEqual(['audited 100', 'audited 1000', 'wrong 1000']);
  });

  it('changes nothing for anybody: what the run gave is neither kept nor joined', async () => {
    await keepAndHit();
    source = 'changed';
    gate = deferred();
    clock.advance(100);
    await turn();
    expect(runs).toBe(2);
    expect(await ask()).toBe('as it was');
    gate.resolve();
    await one.engine.background.settle();

    expect(await ask()).toBe('as it was');
    expect(one.events.filter(({ event }) => event === 'cache.stored')).toHaveLength(1);
    await one.engine.invalidate([course]);
    gate = undefined;
    expect(await ask()).toBe('changed');
  });

  it('says nothing of a run that asked for it and goes on', async () => {
    await ask();
    await one.engine.background.settle();
    const around = aSubject({}, 'view|/around');
    const spoiling = () => {
      CurrentRun.around?.spoil('stale-inside');
      return source;
    };
    const give = async () => {
      const body = Buffer.from(await ask(audited(), spoiling));
      clock.advance(100);
      await turn();
      return { value: 'made', isShareable: true, entry: { body, ttlMs: 60_000, namedTags: [] } };
    };
    const loaded = await one.engine.load(around, one.engine.newBudget(), give, () => 'found');
    await one.engine.background.settle();

    expect(said()).toEqual(['audited 100']);
    expect(loaded).toMatchObject({ value: 'made', isStored: true });
  });

  it('has no verdict when the method fails', async () => {
    await keepAndHit(audited(), () => {
      if (runs > 1) throw new Error('away');
      return source;
    });
    await pass(100);

    expect(said()).toEqual(['skipped failed']);
  });

  it('has no verdict while the store is away', async () => {
    await keepAndHit();
    one.store.fail();
    await pass(100);

    expect(said()).toEqual(['skipped store-away']);
    expect(runs).toBe(1);
  });
});

describe('audits', () => {
  it('are not made of methods that promise their TTL only, nor at a rate of 0', async () => {
    await keepAndHit(aSubject());
    use({ auditRate: 0 });
    await keepAndHit();
    await pass(10_000);

    expect(runs).toBe(2);
  });

  it('ask the source of what is audited itself, and take as it is what promises its TTL only', async () => {
    const [inner, ttlOnly] = [audited({}, 'view|/inner'), aSubject({}, 'view|/ttl')];
    const outer = async () => [await ask(inner), await ask(ttlOnly)].join(', ');
    const factory = async () => {
      const value = await outer();
      return {
        value,
        isShareable: true,
        entry: { body: Buffer.from(value), ttlMs: 60_000, namedTags: [] },
      };
    };
    const view = audited({}, 'view|/outer');
    await one.engine.getOrSet(view, factory, String);
    await one.engine.background.settle();
    await one.engine.getOrSet(view, factory, String);
    source = 'changed';
    runs = 0;
    clock.advance(100);
    await one.engine.background.settle();

    expect(runs).toBe(1);
    expect(said()).toEqual([]);
    await pass(200);
    expect(said()).toEqual(['audited 100', 'wrong 100']);
  });

  it('run one at a time, and give one up that does not end', async () => {
    await keepAndHit();
    await keepAndHit(audited({}, 'view|/2'));
    gate = deferred();
    clock.advance(100);
    await turn();
    expect(runs).toBe(3);
    expect(said()).toEqual(['skipped busy']);
    clock.advance(5000);
    await one.engine.background.settle();

    expect(said().at(-1)).toBe('skipped failed');
  });

  it('take a hundredth of the time at most', async () => {
    const slow = () => {
      if (runs > 1) clock.advance(50);
      return source;
    };
    await keepAndHit(audited(), slow);
    await pass(100);
    await ask();
    expect(said()).toEqual(['audited 100', 'skipped busy']);

    await pass(10_000);
    await ask();
    expect(said()).toEqual(['audited 100', 'skipped busy', 'audited 1000', 'audited 10000', 'skipped busy']);
    await pass(5000);
    await ask();
    await pass(100);
    expect(said().at(-1)).toBe('audited 100');
  });

  it('remember few hits at a time, and others once they have been looked at', async () => {
    await keepAndHit();
    for (let hits = 1; hits < 15; hits++) await ask();

    expect(said()).toEqual(Array.from({ length: 5 }, () => 'skipped busy'));
    await pass(10_000);
    const told = said().length;
    await ask();
    expect(said()).toHaveLength(told);
  });

  it('leave a process alone that is late already', async () => {
    await keepAndHit();
    const late = jest.spyOn(clock, 'monotonicMs').mockReturnValue(clock.monotonicMs() + 300);
    clock.advance(100);
    late.mockRestore();

    expect(said()).toEqual(['skipped busy']);
  });

  it('end with the engine, which waits for none that is to come', async () => {
    await keepAndHit();
    await one.engine.close();
    await pass(10_000);
    await ask();
    await pass(10_000);

    expect(runs).toBe(1);
  });
});
