import { deferred, turn, type Deferred } from '../../../test/support/deferred.js';
import {
  aSubject,
  course,
  gives,
  never,
  pass,
  subjectParts,
  testEngine,
  testEngines,
  type TestEngine,
} from '../../../test/support/test-engine.js';
import { FakeClock, simulateInstances, type SimulatedInstance } from '../testing/index.js';
import { pause } from './clock.js';
import { CurrentRun } from './current-run.js';
import type { Produced } from './factory.js';
import { Subject } from './subject.js';
import { plainTag, softTag } from './tags.js';

const subject = aSubject();
/** The same, whose result names further tags. */
const named = new Subject({ ...subjectParts(), furtherTags: { mayBeNamed: true } });

let clock: FakeClock;
let here: TestEngine;
let there: TestEngine;
let third: SimulatedInstance;

beforeEach(() => {
  clock = new FakeClock();
  ({ here, there, third } = testEngines(clock));
});

describe('callers of a cold key in several processes', () => {
  it('cost one run, also when it takes longer than a lease', async () => {
    const run = deferred<string>();
    const first = here.get(subject, () => run.promise);
    await turn();
    const others = Array.from({ length: 10 }, () => there.get(subject, never));

    await pass(clock, 5000);
    run.resolve('shared');
    await first;
    await pass(clock, 400);

    expect((await Promise.all(others)).map(({ value }) => value)).toEqual(Array(10).fill('shared'));
  });

  it('are counted as such, also those who wait for another process', async () => {
    const run = deferred<string>();
    const answers = [here.get(subject, () => run.promise)];
    await turn();
    answers.push(...[here, here, there, there, there].map((one) => one.get(subject, never)));
    await turn();
    run.resolve('shared');
    await pass(clock, 400);
    await Promise.all(answers);

    const waited = [...here.events, ...there.events].filter(({ event }) => event === 'cache.coalesced');
    expect(waited).toHaveLength(5);
  });

  describe('of which those in one process have gone before the run ended,', () => {
    const impatient = aSubject({ hardTimeoutMs: 1000 });
    let run: Deferred<string>;
    let first: Promise<unknown>;
    const toldSo = (answer: Promise<unknown>) =>
      expect(answer).rejects.toMatchObject({ code: 'CACHE_FACTORY_TIMED_OUT' });

    beforeEach(async () => {
      run = deferred();
      first = here.get(subject, () => run.promise);
      await turn();
    });

    it('have nobody ask for its entry any more, nor run the method for nobody', async () => {
      const told = toldSo(there.get(impatient, never));
      await pass(clock, 1300);
      await told;
      const asked = there.store.calls('open');
      await pass(clock, 12_000);

      expect(there.store.calls('open')).toBe(asked);
      expect(there.engine.isUnderWay(impatient)).toBe(false);
    });

    it('have it waited for by those who came later', async () => {
      const told = toldSo(there.get(impatient, never));
      await pass(clock, 900);
      const later = there.get(impatient, never);
      await pass(clock, 500);
      await told;
      run.resolve('shared');
      await first;
      await pass(clock, 400);

      expect((await later).value).toBe('shared');
    });
  });

  it('have its entry waited for behind the stale one that they were given in its place', async () => {
    const forgiving = aSubject({ graceMs: 60_000, softTimeoutMs: 0, refreshAhead: 1 });
    await here.get(forgiving, gives('old'));
    await here.engine.background.settle();
    await there.get(forgiving, never);
    clock.advance(10_001);
    const run = deferred<string>();
    const answers = [await here.get(forgiving, () => run.promise), await there.get(forgiving, never)];
    await pass(clock, 500);

    expect(answers.map(({ how }) => how)).toEqual(['stale', 'stale']);
    expect(there.engine.isUnderWay(forgiving)).toBe(true);
    run.resolve('new');
    await pass(clock, 400);
    expect(await there.get(forgiving, never)).toEqual({ value: 'new', how: 'hit' });
  });

  it('wait no longer than a lease for a process that died', async () => {
    const dead = testEngine(third);
    dead.store.hang('renewLease');
    void dead.get(subject, () => new Promise(() => undefined));
    await turn();
    const run = jest.fn(gives('again'));
    const waiting = here.get(subject, run);

    await pass(clock, 1490);
    expect(run).not.toHaveBeenCalled();
    await pass(clock, 310);

    expect((await waiting).value).toBe('again');
  });

  it.each([
    ['too late', () => pass(clock, 100)],
    [
      'too late, and whose store went away at that moment',
      async () => {
        await pass(clock, 40);
        here.store.fail();
        await pass(clock, 100);
        here.store.restore();
        await pass(clock, 100);
      },
    ],
  ])('do not wait for a process that was given the lease %s', async (_, giveUp) => {
    here.store.replyLate(60, 'open');
    const late = here.get(subject, gives('unkept'));
    await giveUp();
    const run = jest.fn(gives('kept'));
    const other = there.get(subject, run);
    await pass(clock, 10);

    expect(run).toHaveBeenCalledTimes(1);
    expect((await Promise.all([late, other])).map(({ value }) => value)).toEqual(['unkept', 'kept']);
  });

  it('are not given what another process stored after something that only its result named was invalidated', async () => {
    const zoo = plainTag('zoo:7');
    const run = deferred<string>();
    void there.get(named, () => run.promise, [zoo]);
    await turn();
    const waiting = here.get(named, gives('not needed'));
    await turn();
    here.store.delay(50, 'releaseLease');
    run.resolve('old');
    await pass(clock, 30);

    await testEngine(third).engine.invalidate([zoo]);
    const late = here.get(named, gives('new'));
    await pass(clock, 100);

    expect((await waiting).value).toBe('old');
    expect((await late).value).toBe('new');
  });

  it.each([
    ['invalidated it', subject, course],
    ['outdated it, older than the view allows', aSubject({ minFreshMs: 1000 }), softTag(course)],
  ])('are not given what was found for those who came before another process %s', async (_, of, tag) => {
    await there.get(of, gives('old'));
    await there.engine.background.settle();
    clock.advance(1000);
    const run = () => Promise.resolve({ value: 'new', isShareable: true });
    const load = () => here.engine.load(of, here.engine.newBudget(), run, ({ body }) => String(body));
    here.store.replyLate(20, 'open');
    const early = load();
    await turn();

    await there.engine.invalidate([tag]);
    const late = load();
    await pass(clock, 100);

    expect((await early).value).toBe('old');
    expect((await late).value).toBe('new');
  });

  it('are not told of a failure from before something was invalidated that the result could have named', async () => {
    const run = deferred<string>();
    const first = here.get(named, () => run.promise).catch(() => 'not there');
    await turn();

    await there.engine.invalidate([plainTag('zoo:7')]);
    const after = here.get(named, gives('there'));
    await turn();
    run.reject(new Error('not found'));
    await pass(clock, 50);

    expect(await first).toBe('not there');
    expect((await after).value).toBe('there');
  });

  it('do not wait for the lease to be given back when another process has stored it by then', async () => {
    const looked = here.engine.lookup(subject, here.engine.newBudget());
    await looked;
    await there.get(subject, gives('theirs'));
    await there.engine.background.settle();
    here.store.hang('releaseLease');

    const loaded = await here.engine.load(subject, here.engine.newBudget(), never, ({ body }) =>
      String(body),
    );

    expect(loaded).toMatchObject({ value: 'theirs', how: 'found' });
  });

  it('do not wait for a run that failed', async () => {
    const run = deferred<string>();
    const first = here.get(subject, () => run.promise).catch(() => 'failed');
    await turn();
    const other = there.get(subject, gives('ours'));
    await turn();

    run.reject(new Error('no'));
    await pass(clock, 300);

    expect(await first).toBe('failed');
    expect((await other).value).toBe('ours');
  });

  it('do not wait for a run whose entry could not be written', async () => {
    here.store.fail('write');
    await here.get(subject, gives('ours'));
    await here.engine.background.settle();
    const run = jest.fn(gives('theirs'));
    void there.get(subject, run);
    await pass(clock, 300);

    expect(run).toHaveBeenCalledTimes(1);
  });

  it('are let in by the entry itself: the lease is given back with it', async () => {
    const [write, release] = [jest.spyOn(here.store, 'write'), jest.spyOn(here.store, 'releaseLease')];
    await here.get(subject, gives('ours'));
    await here.engine.background.settle();

    expect(write.mock.calls.map(([, , , owner]) => owner)).toEqual([expect.any(String)]);
    // The store's own, behind the entry.
    expect(release).toHaveBeenCalledTimes(1);
  });

  it('do not wait for a run that an invalidation overtook', async () => {
    const run = deferred<string>();
    const first = here.get(subject, () => run.promise);
    await turn();
    await there.engine.invalidate([course]);
    const other = there.get(subject, gives('new'));
    await pass(clock, 300);

    expect((await other).value).toBe('new');
    run.resolve('old');
    expect((await first).value).toBe('old');
  });
});

it('callers elsewhere do not wait for a run either whose process does not hear that it was overtaken', async () => {
  here.backplane.cut();
  const run = deferred<string>();
  const first = here.get(subject, () => run.promise);
  await turn();
  await there.engine.invalidate([course]);
  const other = there.get(subject, gives('new'));
  await pass(clock, 1000);

  expect((await other).value).toBe('new');
  run.resolve('old');
  expect((await first).value).toBe('old');
});

it('callers elsewhere do not wait for a run that an invalidation overtook while the store was asked', async () => {
  here.store.replyLate(20, 'open');
  const run = deferred<string>();
  const first = here.get(subject, () => run.promise);
  await turn();
  await here.engine.invalidate([course]);
  await pass(clock, 20);
  const other = there.get(subject, gives('new'));
  await pass(clock, 300);

  expect((await other).value).toBe('new');
  run.resolve('old');
  expect((await first).value).toBe('old');
});

it('those who wait for a run that was overtaken share the next one', async () => {
  const many = simulateInstances(6, clock).map((instance) => testEngine(instance));
  const [first, ...others] = many as [TestEngine, ...TestEngine[]];
  const run = deferred<string>();
  const old = first.get(subject, () => run.promise);
  await turn();
  const next = deferred<string>();
  const again = jest.fn(() => next.promise);
  const waiting = others.map((one) => one.get(subject, again));
  await pass(clock, 100);
  await first.engine.invalidate([course]);
  await pass(clock, 1000);

  expect(again).toHaveBeenCalledTimes(1);
  run.resolve('old');
  next.resolve('new');
  await pass(clock, 400);
  expect((await old).value).toBe('old');
  expect((await Promise.all(waiting)).map(({ value }) => value)).toEqual(Array(5).fill('new'));
  expect(again).toHaveBeenCalledTimes(1);
});

it('callers elsewhere do not wait for a lease that could not be given back at once', async () => {
  const run = deferred<never>();
  const first = here.get(subject, () => run.promise);
  await turn();
  here.store.fail('releaseLease');
  run.reject(new Error('as it must'));
  await expect(first).rejects.toThrow('as it must');
  await pass(clock, 100);
  here.store.restore();
  await pass(clock, 100);
  const again = jest.fn(gives('again'));
  const other = there.get(subject, again);
  await pass(clock, 10);

  expect(again).toHaveBeenCalledTimes(1);
  expect((await other).value).toBe('again');
});

it('a lease that cannot be given back is left to run out', async () => {
  here.store.fail('releaseLease', 'write');
  await here.get(subject, gives('unkept'));
  await pass(clock, 1600);
  const tried = here.store.calls('releaseLease');
  await pass(clock, 1000);

  expect(tried).toBeGreaterThan(1);
  expect(here.store.calls('releaseLease')).toBe(tried);
});

it('what another process has stored since an invalidation is not replaced by a run that had begun before', async () => {
  const run = deferred<string>();
  const slow = here.get(subject, () => run.promise);
  await turn();
  await there.engine.invalidate([course]);
  const next = there.get(subject, gives('new'));
  await pass(clock, 1000);
  await next;
  run.resolve('old');

  expect((await slow).value).toBe('old');
  await here.engine.background.settle();
  expect(here.events).toContainEqual({ event: 'cache.no_store', subject, reason: 'newer-write' });
  expect(await testEngine(third).get(subject, never)).toEqual({ value: 'new', how: 'hit' });
});

it('nor is it by one that was given up before it was overtaken', async () => {
  const run = deferred<string>();
  const slow = here.get(subject, () => run.promise);
  await turn();
  await pass(clock, 10_010);
  await there.engine.invalidate([course]);
  const next = there.get(subject, gives('new'));
  await pass(clock, 1000);
  await next;
  await there.engine.background.settle();
  run.resolve('old');
  await slow;
  await here.engine.background.settle();

  expect(await testEngine(third).get(subject, never)).toEqual({ value: 'new', how: 'hit' });
});

it('a run is stored that only seems overtaken, for what is heard of was done before it', async () => {
  here.backplane.delay(50);
  await there.engine.invalidate([course]);
  const run = deferred<string>();
  const running = here.get(subject, () => run.promise);
  await pass(clock, 100);
  run.resolve('good');
  await running;
  await here.engine.background.settle();

  expect(await there.get(subject, never)).toEqual({ value: 'good', how: 'hit' });
});

describe('what was made anew', () => {
  const impatient = aSubject({ hardTimeoutMs: 1000 });

  function renew(of: Subject, run: () => Promise<string>) {
    return here.engine.renew(of, here.engine.newBudget(), async () => {
      const value = await run();
      return { value, isShareable: true, entry: { body: Buffer.from(value), ttlMs: 10_000, namedTags: [] } };
    });
  }

  async function expectKept(value: string, of = subject): Promise<void> {
    await here.engine.background.settle();
    expect(await here.get(of, never)).toEqual({ value, how: 'hit' });
    expect(await testEngine(third).get(of, never)).toEqual({ value, how: 'hit' });
  }

  it('is not replaced by a run that had begun before', async () => {
    const run = deferred<string>();
    const slow = here.get(subject, () => run.promise);
    await turn();
    await renew(subject, gives('new'));
    run.resolve('old');

    expect((await slow).value).toBe('old');
    await expectKept('new');
    expect(here.events).toContainEqual({ event: 'cache.no_store', subject, reason: 'newer-run' });
  });

  it.each([
    ['by a renewal', () => renew(impatient, gives('new'))],
    ['by whoever came next', () => here.get(impatient, gives('new'))],
  ])('nor by one that was given up before: %s', async (_, next) => {
    const run = deferred<string>();
    const slow = here.get(impatient, () => run.promise);
    const refused = expect(slow).rejects.toMatchObject({ code: 'CACHE_FACTORY_TIMED_OUT' });
    await pass(clock, 1100);
    await refused;
    await next();
    await turn();
    run.resolve('old');

    await expectKept('new', impatient);
  });

  it('nor by the first of three, where the second was outrun as well', async () => {
    const [first, second] = [deferred<string>(), deferred<string>()];
    const answers = [here.get(subject, () => first.promise)];
    await turn();
    answers.push(renew(subject, () => second.promise));
    await turn();
    await renew(subject, gives('third'));
    second.resolve('second');
    await turn();
    first.resolve('first');

    expect((await Promise.all(answers)).map(({ value }) => value)).toEqual(['first', 'second']);
    await expectKept('third');
  });

  it('nor by one that had ended before and was still being stored', async () => {
    const tag = plainTag('zoo:7');
    const run = deferred<string>();
    const slow = here.get(named, () => run.promise, [tag]);
    await turn();
    here.store.delay(200, 'tokens');
    run.resolve('old');
    await slow;
    await renew(named, gives('new'));
    await pass(clock, 300);
    here.store.restore();

    await expectKept('new', named);
  });
});

it('a renewal that gives nothing to keep leaves the run under way as good as it is', async () => {
  const run = deferred<string>();
  const slow = here.get(subject, () => run.promise);
  await turn();
  const refused = () => Promise.resolve({ value: 'refused', isShareable: false, isRefused: true });
  await here.engine.renew(subject, here.engine.newBudget(), refused);
  run.resolve('good');

  expect((await slow).value).toBe('good');
  await here.engine.background.settle();
  expect(await here.get(subject, never)).toEqual({ value: 'good', how: 'hit' });
});

describe('a caller who is refused before the method runs', () => {
  const refused = { value: 'refused', isShareable: false, isRefused: true };
  const load = (factory: () => Promise<Produced<string>>) =>
    here.engine.load(subject, here.engine.newBudget(), factory, ({ body }) => String(body));

  it('leaves the others to one run', async () => {
    const shared = jest.fn(() => Promise.resolve({ value: 'shared', isShareable: true }));
    const first = load(() => Promise.resolve(refused));
    const others = Array.from({ length: 10 }, () => load(shared));

    expect((await first).value).toBe('refused');
    expect((await Promise.all(others)).map(({ value }) => value)).toEqual(Array(10).fill('shared'));
    expect(shared).toHaveBeenCalledTimes(1);
  });

  it('leaves nearly all others to one run, which is kept, also when the next is refused as well', async () => {
    const entry = { body: Buffer.from('shared'), ttlMs: 10_000, namedTags: [] };
    const shared = jest.fn(() => Promise.resolve({ value: 'shared', isShareable: true, entry }));
    const both = [1, 2].map(() => load(() => Promise.resolve(refused)));
    const others = Array.from({ length: 100 }, () => load(shared));

    expect((await Promise.all(both)).map(({ value }) => value)).toEqual(['refused', 'refused']);
    expect((await Promise.all(others)).map(({ value }) => value)).toEqual(Array(100).fill('shared'));
    expect(shared).toHaveBeenCalledTimes(2);
    await here.engine.background.settle();
    expect((await here.get(subject, never)).value).toBe('shared');
  });

  it('makes no long queue of those who are refused as well', async () => {
    const rounds = new Set<number>();
    let round = 0;
    const callers = Array.from({ length: 100 }, () =>
      load(async () => {
        rounds.add(round);
        await turn();
        round++;
        return refused;
      }),
    );

    expect((await Promise.all(callers)).map(({ value }) => value)).toEqual(Array(100).fill('refused'));
    expect(rounds.size).toBeLessThan(10);
  });
});

describe('under writes that come faster than the method runs', () => {
  const other = plainTag('zoo:7');

  /** A run of 2 s for whoever asks, and how many there were at once. */
  function slowRuns() {
    let [running, most] = [0, 0];
    const run = jest.fn(async () => {
      most = Math.max(most, ++running);
      await pause(clock, 2000);
      running--;
      return 'value';
    });
    return { run, most: () => most };
  }

  it.each([
    ['of what it depends on', subject, course],
    ['of what its result could have named', named, other],
  ])(
    '%s, callers cost no more than two runs at a time, and wait no longer than two take',
    async (_, of, tag) => {
      here.engine.watchFamilies([other]);
      const { run, most } = slowRuns();
      const callers = Array.from({ length: 200 }, async () => {
        const sinceMs = clock.monotonicMs();
        await here.get(of, run);
        return clock.monotonicMs() - sinceMs;
      });
      // All of them at once, and then one after each write.
      for (let written = 0; written < 200; written++) {
        await here.engine.invalidate([tag]);
        const sinceMs = clock.monotonicMs();
        callers.push(here.get(of, run).then(() => clock.monotonicMs() - sinceMs));
        await pass(clock, 20);
      }
      await pass(clock, 4100);

      expect(Math.max(...(await Promise.all(callers)))).toBeLessThanOrEqual(4050);
      expect(most()).toBe(2);
      expect(run.mock.calls.length).toBeLessThan(8);
    },
  );

  it('runs that never end hold callers up for no longer than ten seconds', async () => {
    const lost = () => new Promise<never>(() => undefined);
    for (let begun = 0; begun < 2; begun++) {
      void here.get(subject, lost);
      await turn();
      await here.engine.invalidate([course]);
    }
    const run = jest.fn(gives('value'));
    const waiting = [here.get(subject, run), here.get(subject, run)];
    await pass(clock, 9990);
    expect(run).not.toHaveBeenCalled();
    await pass(clock, 20);

    expect((await Promise.all(waiting)).map(({ value }) => value)).toEqual(['value', 'value']);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('nobody is kept from their answer by a run that began for one who waits no more', async () => {
    const { run } = slowRuns();
    const impatient = aSubject({ hardTimeoutMs: 1000 });
    for (let begun = 0; begun < 2; begun++) {
      void here.get(subject, run);
      await turn();
      await here.engine.invalidate([course]);
    }
    const gone = here.get(impatient, never);
    const refused = expect(gone).rejects.toMatchObject({ code: 'CACHE_FACTORY_TIMED_OUT' });
    await turn();
    const waiting = here.get(subject, gives('value'));
    await pass(clock, 2000);

    await refused;
    expect((await waiting).value).toBe('value');
  });

  it('a method that asks for what it makes waits for no run that waits for it', async () => {
    const [begun, goOn] = [deferred(), deferred()];
    const run = async () => {
      begun.resolve();
      await goOn.promise;
      return (await here.get(subject, gives('value'))).value;
    };
    const outer = here.get(subject, run);
    await begun.promise;
    await here.engine.invalidate([course]);
    void here.get(subject, () => new Promise<never>(() => undefined));
    await turn();
    await here.engine.invalidate([course]);
    goOn.resolve();

    expect((await outer).value).toBe('value');
  });
});

it('callers who could not ask, while the store says that it is there, share the next run, too', async () => {
  here.store.fail('read', 'open', 'tokens');
  const runs = [deferred<string>(), deferred<string>()];
  let started = 0;
  const run = () => runs[started++]!.promise;
  const first = here.get(subject, run);
  await turn();
  const later = Array.from({ length: 100 }, () => here.get(subject, run));
  await turn();

  runs[0]!.resolve('first');
  await first;
  await turn();
  runs[1]!.resolve('second');

  expect((await Promise.all(later)).map(({ value }) => value)).toEqual(Array(100).fill('second'));
  expect(started).toBe(2);
});

describe('while the store is away', () => {
  it('callers of a key who came during a run share the next one', async () => {
    here.store.fail();
    const runs = [deferred<string>(), deferred<string>()];
    let started = 0;
    const run = () => runs[started++]!.promise;
    const first = here.get(subject, run);
    await turn();
    const later = [here.get(subject, run), here.get(subject, run)];
    await turn();
    expect(started).toBe(1);

    runs[0]!.resolve('first');
    await first;
    await turn();
    runs[1]!.resolve('second');

    expect((await Promise.all(later)).map(({ value }) => value)).toEqual(['second', 'second']);
    expect(started).toBe(2);
  });

  it('nor are they told of its failure', async () => {
    here.store.fail();
    const run = deferred<string>();
    const first = here.get(subject, () => run.promise).catch(() => 'failed');
    await turn();
    const later = here.get(subject, gives('second'));
    await turn();
    run.reject(new Error('as it must'));

    expect(await first).toBe('failed');
    expect((await later).value).toBe('second');
  });
});

describe('a run that reads in a transaction of its caller', () => {
  it.each(['fails', 'answers'])('is nobody else’s, and they share the next one: it %s', async (how) => {
    const mayEnd = deferred<string>();
    const own = async () => {
      CurrentRun.around?.spoil('in-transaction');
      const value = await mayEnd.promise;
      if (how === 'fails') throw new Error('not there yet');
      return value;
    };
    const first = here.get(subject, own).catch(() => 'failed');
    await turn();
    const run = jest.fn(gives('good'));
    const others = Array.from({ length: 50 }, () => here.get(subject, run));
    await turn();
    mayEnd.resolve('never');
    await first;

    expect((await Promise.all(others)).map(({ value }) => value)).toEqual(Array(50).fill('good'));
    expect(run.mock.calls.length).toBeLessThan(5);
    await here.engine.background.settle();
    expect((await here.get(subject, never)).value).toBe('good');
  });
});
