import { deferred, turn } from '../../../test/support/deferred.js';
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
import { MemoryStore } from '../stores/memory.store.js';
import { L1Entries } from './l1-entries.js';
import { Subject } from './subject.js';
import { plainTag, softTag } from './tags.js';

const subject = aSubject();
const bounded = aSubject({ consistency: 'bounded' });

let clock: FakeClock;
let here: TestEngine;
let there: TestEngine;
let third: SimulatedInstance;

beforeEach(() => {
  clock = new FakeClock();
  ({ here, there, third } = testEngines(clock));
});

async function settle(): Promise<void> {
  await Promise.all([here.engine.background.settle(), there.engine.background.settle()]);
}

describe('an entry that another process holds', () => {
  it('is asked for once by all who come at the same moment, and again by who comes later', async () => {
    await there.get(subject, gives('one'));
    await settle();
    here.store.delay(10, 'read');

    const first = Array.from({ length: 10 }, () => here.get(subject, never));
    await turn();
    const later = here.get(subject, never);
    await turn();
    clock.advance(10);

    expect(await Promise.all([...first, later])).toEqual(Array(11).fill({ value: 'one', how: 'hit' }));
    expect(here.store.calls('read')).toBe(2);
  });

  it('is not given to who names a further tag, also when both come at the same moment', async () => {
    await there.get(subject, gives('old'));
    await settle();
    const tags = () => [...subjectParts().tags(), plainTag('roster:1')];
    const wiser = new Subject({ ...subjectParts(), tags });

    const [known, further] = await Promise.all([here.get(subject, never), here.get(wiser, gives('new'))]);

    expect([known.value, further.value]).toEqual(['old', 'new']);
  });

  it('is not given to who knows another shape, also when both come at the same moment', async () => {
    await there.get(subject, gives('theirs'));
    await settle();
    const newer = new Subject({ ...subjectParts(), shape: 'v2' });

    const [known, unknown] = await Promise.all([here.get(subject, never), here.get(newer, gives('ours'))]);

    expect([known.value, unknown.value]).toEqual(['theirs', 'ours']);
  });

  it('is not given to who asks something else whose key is the same', async () => {
    const other = aSubject({}, 'view|/2');
    await there.get(other, gives('theirs'));
    await settle();
    const read = here.store.read.bind(here.store);
    const open = here.store.open.bind(here.store);
    here.store.read = (_, ...asked) => read(other, ...asked);
    here.store.open = (_, ...asked) => open(other, ...asked);

    expect((await here.get(subject, gives('ours'))).value).toBe('ours');
  });
});

it('what was on its way from the store takes no place of what was made meanwhile', async () => {
  const entry = { body: Buffer.from('new'), ttlMs: 10_000, namedTags: [] };
  const produce = () => Promise.resolve({ value: 'new', isShareable: true, entry });
  await there.get(subject, gives('old'));
  await settle();
  here.store.replyLate(10, 'read');
  const asked = here.get(subject, never);
  await turn();
  clock.advance(5);

  await here.engine.renew(subject, here.engine.newBudget(), produce);
  await pass(clock, 10);

  expect((await asked).value).toBe('old');
  expect((await here.get(subject, never)).value).toBe('new');
});

it('a process that holds nothing gives entries as they come, and makes none ready for being held', async () => {
  const [first] = simulateInstances(1, clock) as [SimulatedInstance];
  const bare = testEngine(first, { l1: new L1Entries(clock, 0) });
  await bare.get(subject, gives('one'));
  await bare.engine.background.settle();

  const looked = await bare.engine.lookup(subject, bare.engine.newBudget());

  expect(looked).toMatchObject({ state: 'hit', found: { entry: { body: Buffer.from('one') } } });
  expect(looked).not.toHaveProperty('found.entry.text');
});

describe('what a run asks for', () => {
  const outer = aSubject({}, 'outer|/1');

  it('is asked about although bounded, for what the run gives is kept for longer', async () => {
    await here.get(bounded, gives('old'));
    await settle();
    here.backplane.delay(500);
    await there.engine.invalidate([course]);
    expect(await here.get(bounded, never)).toEqual({ value: 'old', how: 'hit' });

    const run = async () => (await here.get(bounded, gives('new'))).value;

    expect((await here.get(outer, run)).value).toBe('new');
  });

  it('is made anew although young enough for its own callers', async () => {
    const young = aSubject({ minFreshMs: 5000 });
    await here.get(young, gives('old'));
    await settle();
    await there.engine.invalidate([softTag(course)]);
    expect(await here.get(young, never)).toEqual({ value: 'old', how: 'hit' });

    const run = async () => (await here.get(young, gives('new'))).value;

    expect((await here.get(outer, run)).value).toBe('new');
  });
});

describe('an entry held in this process', () => {
  it('is not asked about again once it is dead, though nothing has taken its place', async () => {
    here.backplane.cut();
    await here.get(subject, gives('old'));
    await settle();
    await there.engine.invalidate([course]);
    const fails = () => Promise.reject(new Error('as it must'));
    await expect(here.get(subject, fails)).rejects.toThrow('as it must');
    const asked = here.store.calls('tokens');

    await expect(here.get(subject, fails)).rejects.toThrow('as it must');

    expect(asked).toBe(1);
    expect(here.store.calls('tokens')).toBe(1);
  });

  it('is served without being read from the store again', async () => {
    await here.get(subject, gives('one'));
    await settle();
    const reads = here.store.calls('read');

    expect(await here.get(subject, never)).toEqual({ value: 'one', how: 'hit' });
    expect(here.store.calls('read')).toBe(reads);
  });

  it('is not served after another process invalidated it, if strong', async () => {
    await here.get(subject, gives('old'));
    await settle();

    await there.engine.invalidate([course]);

    expect((await here.get(subject, gives('new'))).value).toBe('new');
  });

  it('asks nobody while what others do is heard, if bounded', async () => {
    await here.get(bounded, gives('one'));
    await settle();

    here.store.fail();

    expect(here.engine.lookupHeld(bounded)).toMatchObject({ state: 'hit' });
  });

  it.each<[string, (backplane: TestEngine['backplane']) => void]>([
    [
      'nothing has been heard for a second',
      (link) => {
        link.silence();
        clock.advance(1000);
      },
    ],
    [
      'its tag was heard to be invalidated',
      (link) => {
        link.say([course]);
      },
    ],
    [
      'something may have been missed',
      (link) => {
        link.cut();
        link.restore();
      },
    ],
    [
      'everything arrives a second late',
      (link) => {
        link.delay(1000);
      },
    ],
  ])('is asked about, if bounded, when %s', async (_, happens) => {
    await here.get(bounded, gives('one'));
    await settle();
    const asked = here.store.calls('tokens');

    happens(here.backplane);

    expect(here.engine.lookupHeld(bounded)).toBeUndefined();
    expect(await here.get(bounded, never)).toEqual({ value: 'one', how: 'hit' });
    expect(here.store.calls('tokens')).toBe(asked + 1);
  });

  it('is not trusted, if bounded, after an invalidation of its own that the store did not confirm', async () => {
    await here.get(bounded, gives('one'));
    await settle();
    here.store.fail('invalidate');

    expect(await here.engine.invalidate([course])).toBe(false);

    expect(here.engine.lookupHeld(bounded)).toBeUndefined();
  });

  it('is trusted again once its tokens were seen after the gap', async () => {
    await here.get(bounded, gives('one'));
    await settle();
    here.backplane.cut();
    here.backplane.restore();
    await here.get(bounded, never);

    expect(here.engine.lookupHeld(bounded)).toMatchObject({ state: 'hit' });
  });

  it.each(['tokens', 'read'] as const)(
    'is not trusted, if bounded, after it was heard to be invalidated while it was asked about (%s)',
    async (operation) => {
      const asks = operation === 'tokens' ? here : testEngine(third);
      await here.get(bounded, gives('one'));
      await settle();
      here.backplane.cut();
      here.backplane.restore();
      asks.store.replyLate(20, operation);

      const answer = asks.get(bounded, gives('two'));
      await turn();
      await there.engine.invalidate([course]);
      clock.advance(20);
      await answer;
      await settle();

      expect(asks.engine.lookupHeld(bounded)).toBeUndefined();
    },
  );

  it('is trusted at once where this process is alone, strong or not', async () => {
    const l1 = new L1Entries(clock, 10_000_000);
    const alone = testEngine(here, { l1, store: new MemoryStore(clock, l1), backplane: undefined });
    await alone.get(subject, gives('one'));
    await alone.engine.background.settle();

    expect(alone.engine.lookupHeld(subject)).toMatchObject({ state: 'hit' });
    await alone.engine.invalidate([course]);
    expect(alone.engine.lookupHeld(subject)).toBeUndefined();
  });

  it('is asked about together with all others that wait at the moment', async () => {
    here.backplane.cut();
    const subjects = Array.from({ length: 50 }, (_, n) => aSubject({}, `view|/${n}`));
    for (const each of subjects) await here.get(each, gives('one'));
    await settle();
    const asked = here.store.calls('tokens');

    await Promise.all(subjects.map((each) => here.get(each, never)));

    expect(here.store.calls('tokens') - asked).toBeGreaterThanOrEqual(1);
    expect(here.store.calls('tokens') - asked).toBeLessThanOrEqual(2);
  });

  it('is asked about with its own budget, also beside a run that was overtaken and is asked about for nobody', async () => {
    here.backplane.cut();
    const other = aSubject({}, 'view|/2');
    const run = deferred<string>();
    const overtaken = here.get(other, () => run.promise);
    await turn();
    await there.engine.invalidate([softTag(course)]);
    await here.get(subject, gives('kept'));
    await turn();
    here.store.hang('tokens');
    run.resolve('old');
    await overtaken;
    let isAnswered = false;
    const answer = here.get(subject, gives('made')).then(() => (isAnswered = true));

    await turn();
    await pass(clock, 50);

    expect(isAnswered).toBe(true);
    await answer;
  });

  it('gives way to the fresher one of another process when its time is over', async () => {
    await here.get(subject, gives('first'));
    await settle();
    clock.advance(10_001);
    await there.get(subject, gives('second'));
    await settle();

    expect(await here.get(subject, never)).toEqual({ value: 'second', how: 'hit' });
  });

  it('gives way to it also when its time ends while it is being asked about', async () => {
    here.backplane.cut();
    await here.get(subject, gives('first'));
    await settle();
    clock.advance(9990);
    await there.get(subject, gives('second'));
    await settle();
    here.store.replyLate(20, 'tokens');

    const answer = here.get(subject, never);
    await turn();
    clock.advance(20);

    expect(await answer).toEqual({ value: 'second', how: 'hit' });
  });
});

describe('an entry that is strong and held in this process', () => {
  const asked = () => here.store.calls('tokens');

  beforeEach(async () => {
    await here.get(subject, gives('old'));
    await settle();
  });

  it('is served without a question about its tags where everything has been heard', async () => {
    expect(await here.get(subject, never)).toEqual({ value: 'old', how: 'hit' });
    expect(asked()).toBe(0);
  });

  it('is asked about when one of its tags was heard to be invalidated, and only then', async () => {
    await there.engine.invalidate([plainTag('course:other')]);
    expect(await here.get(subject, never)).toEqual({ value: 'old', how: 'hit' });
    expect(asked()).toBe(0);

    here.backplane.say([course]);

    expect(await here.get(subject, never)).toEqual({ value: 'old', how: 'hit' });
    expect(asked()).toBe(1);
  });

  it('is given without a question again once its tokens were seen after that', async () => {
    here.backplane.say([course]);
    await here.get(subject, never);

    expect(await here.get(subject, never)).toEqual({ value: 'old', how: 'hit' });
    expect(asked()).toBe(1);
  });

  it('is asked about once in five seconds although nothing was heard, for its tokens may be lost', async () => {
    clock.advance(4999);
    await here.get(subject, never);
    expect(asked()).toBe(0);

    clock.advance(1);
    await here.get(subject, never);
    await here.get(subject, never);

    expect(asked()).toBe(1);
  });

  it.each<[string, (backplane: TestEngine['backplane']) => void]>([
    [
      'nobody can say whether everything was heard',
      (link) => {
        link.silence();
      },
    ],
    [
      'nothing can be heard',
      (link) => {
        link.cut();
      },
    ],
    [
      'something may have been missed',
      (link) => {
        link.cut();
        link.restore();
      },
    ],
  ])('is asked about when %s, and not given if it was invalidated', async (_, happens) => {
    happens(here.backplane);
    expect(await here.get(subject, never)).toEqual({ value: 'old', how: 'hit' });
    expect(asked()).toBe(1);

    await there.engine.invalidate([course]);

    expect((await here.get(subject, gives('new'))).value).toBe('new');
  });

  it('is asked about where the backplane cannot tell', async () => {
    const { backplane } = here;
    const deaf = { heardUntilMs: -Infinity, listen: backplane.listen.bind(backplane) };
    const other = testEngine(third, { backplane: deaf });
    await other.get(subject, never);

    expect(await other.get(subject, never)).toEqual({ value: 'old', how: 'hit' });
    expect(other.store.calls('tokens')).toBe(1);
  });

  describe('while what is said arrives late', () => {
    beforeEach(() => {
      here.backplane.delay(20);
    });

    it('is asked about, and nobody waits for what arrives', async () => {
      expect(await here.get(subject, never)).toEqual({ value: 'old', how: 'hit' });
      expect(asked()).toBe(1);
    });

    it('is given when everything has arrived before an answer about its tags', async () => {
      here.store.hang('tokens');
      const answer = here.get(subject, never);
      await pass(clock, 20);

      expect(await answer).toEqual({ value: 'old', how: 'hit' });
    });

    it('is given when the store has failed before everything has arrived', async () => {
      here.store.fail('tokens');
      const answer = here.get(subject, never);
      await pass(clock, 20);

      expect(await answer).toEqual({ value: 'old', how: 'hit' });
    });

    it('is not given when that tells of its invalidation, and the store nothing', async () => {
      await there.engine.invalidate([course]);
      here.store.hang('tokens');
      const answer = here.get(subject, gives('new'));
      await pass(clock, 50);

      expect((await answer).value).toBe('new');
    });

    it('is given by nobody where neither answers', async () => {
      here.store.hang('tokens');
      const answer = here.get(subject, gives('new'));
      await turn();
      here.backplane.cut();
      await pass(clock, 50);

      expect((await answer).value).toBe('new');
    });
  });

  it('is asked about inside a run, for what that gives is judged by tokens', async () => {
    const outer = aSubject({}, 'outer|/1');
    await here.get(outer, async () => (await here.get(subject, never)).value);

    expect(asked()).toBe(1);
  });
});

describe('a process in which the cache is switched off', () => {
  it('keeps nothing, and still has others forget what it changes', async () => {
    const off = testEngine(third, { enabled: false });
    await here.get(subject, gives('old'));
    await settle();

    expect((await off.get(subject, gives('its own'))).value).toBe('its own');
    expect(await here.get(subject, never)).toEqual({ value: 'old', how: 'hit' });
    expect(await off.engine.invalidate([course])).toBe(true);
    expect((await here.get(subject, gives('new'))).value).toBe('new');
    off.store.fail();
    expect(await off.engine.invalidate([course])).toBe(false);
  });
});

describe('an entry of another shape', () => {
  it('is left in the store to the program that knows it', async () => {
    await here.get(subject, gives('theirs'));
    await settle();
    const newer = new Subject({ ...subjectParts(), shape: 'v2' });

    expect((await there.get(newer, gives('ours'))).value).toBe('ours');
    await settle();

    expect(await there.get(newer, never)).toEqual({ value: 'ours', how: 'hit' });
    expect(await testEngine(third).get(subject, never)).toEqual({ value: 'theirs', how: 'hit' });
  });

  it('is replaced once it is no longer fresh', async () => {
    const lasting = { graceMs: 60_000, refreshAhead: 1 };
    const theirs = aSubject(lasting);
    const ours = new Subject({ ...subjectParts(lasting), shape: 'v2' });
    await here.get(theirs, gives('theirs'));
    await settle();
    clock.advance(10_001);

    await there.get(ours, gives('ours'));
    await settle();

    expect((await testEngine(third).get(ours, never)).value).toBe('ours');
  });
});

describe('a soft invalidation', () => {
  const soft = [softTag(course)];

  it('ends an entry at once where the view does not say how old it may be', async () => {
    await here.get(subject, gives('old'));
    await settle();

    await there.engine.invalidate(soft);

    expect((await here.get(subject, gives('new'))).value).toBe('new');
  });

  it('leaves an entry of this process until it is as old as the view allows', async () => {
    const view = aSubject({ minFreshMs: 1000 });
    await here.get(view, gives('old'));
    await settle();

    await there.engine.invalidate(soft);

    clock.advance(999);
    expect(await here.get(view, never)).toEqual({ value: 'old', how: 'hit' });
    clock.advance(1);
    expect((await here.get(view, gives('new'))).value).toBe('new');
  });

  it.each([
    ['bounded, and hears of it', () => here],
    [
      'alone',
      () => {
        const l1 = new L1Entries(clock, 10_000_000);
        return testEngine(here, { l1, store: new MemoryStore(clock, l1), backplane: undefined });
      },
    ],
  ])('leaves it no longer either where that may be served without a question: %s', async (_, use) => {
    const view = aSubject({ minFreshMs: 1000, consistency: 'bounded' });
    const one = use();
    await one.get(view, gives('old'));
    await one.engine.background.settle();

    await one.engine.invalidate(soft);

    clock.advance(999);
    expect(await one.get(view, never)).toEqual({ value: 'old', how: 'hit' });
    clock.advance(1);
    expect((await one.get(view, gives('new'))).value).toBe('new');
  });

  it('does not hold up a hard one', async () => {
    const view = aSubject({ minFreshMs: 1000 });
    await here.get(view, gives('old'));
    await settle();

    await there.engine.invalidate([...soft, course]);

    expect((await here.get(view, gives('new'))).value).toBe('new');
  });

  it('counts the age from the beginning of the run, also where the store is this tier itself', async () => {
    const view = aSubject({ minFreshMs: 1000 });
    const l1 = new L1Entries(clock, 10_000_000);
    const alone = testEngine(here, { l1, store: new MemoryStore(clock, l1), backplane: undefined });
    await alone.get(view, async () => {
      clock.advance(300);
      await alone.engine.invalidate(soft);
      clock.advance(900);
      return 'old';
    });
    await alone.engine.background.settle();

    expect((await alone.get(view, gives('new'))).value).toBe('new');
  });

  it('counts it so also where the store is slow to say what was invalidated during the run', async () => {
    const view = aSubject({ minFreshMs: 1000 });
    const run = deferred<string>();
    const asked = here.get(view, () => run.promise);
    await turn();
    await here.engine.invalidate(soft);
    here.store.delay(900, 'tokens');
    run.resolve('old');
    await asked;
    await turn();
    clock.advance(900);
    await settle();
    here.store.restore();
    expect(await here.get(view, never)).toEqual({ value: 'old', how: 'hit' });

    clock.advance(100);
    expect((await here.get(view, gives('new'))).value).toBe('new');
  });

  it('counts it so for other processes, too, also where the store was slow to take the entry', async () => {
    const view = aSubject({ minFreshMs: 1000 });
    here.store.delay(900, 'write');
    await here.get(view, gives('old'));
    await turn();
    clock.advance(900);
    await settle();
    expect(await there.get(view, never)).toEqual({ value: 'old', how: 'hit' });

    await here.engine.invalidate(soft);

    clock.advance(99);
    expect(await there.get(view, never)).toEqual({ value: 'old', how: 'hit' });
    clock.advance(1);
    expect((await there.get(view, gives('new'))).value).toBe('new');
  });

  it.each([
    ['by a caller', (run: () => Promise<unknown>) => run()],
    [
      'by another run, which may not use it',
      (run: () => Promise<unknown>) =>
        here.get(aSubject({}, 'view|/around'), async () => {
          await run();
          return 'around';
        }),
    ],
  ])('leaves what it has overtaken to callers while that is young: asked for %s', async (_, ask) => {
    const view = aSubject({ minFreshMs: 1000 });
    const run = deferred<string>();
    const asked = ask(() => here.get(view, () => run.promise));
    await turn();
    await here.engine.invalidate(soft);
    run.resolve('young');
    await asked;
    await settle();

    expect(await here.get(view, never)).toEqual({ value: 'young', how: 'hit' });
  });

  const view = aSubject({ minFreshMs: 5000 });

  /** A run of this process ends after `there` has outdated what it reads, and stored what is new. */
  async function overtake(meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const run = deferred<string>();
    const young = here.get(view, () => run.promise);
    await turn();
    await there.engine.invalidate(soft);
    const next = there.get(view, gives('new'));
    await pass(clock, 1000);
    await next;
    await there.engine.background.settle();
    await meanwhile();
    run.resolve('young');
    await young;
    await settle();
  }

  it('keeps what it has overtaken from the place of what another process has made since', async () => {
    await overtake();

    expect(await here.get(view, never)).toEqual({ value: 'young', how: 'hit' });
    expect(await testEngine(third).get(view, never)).toEqual({ value: 'new', how: 'hit' });
  });

  it('keeps what it has overtaken also from the place of what this process has had of another since', async () => {
    await overtake(async () => {
      expect(await here.get(view, never)).toEqual({ value: 'new', how: 'hit' });
    });

    expect(await here.get(view, never)).toEqual({ value: 'new', how: 'hit' });
    expect(here.events).toContainEqual({ event: 'cache.no_store', subject: view, reason: 'newer-run' });
  });

  it('leaves nothing of what it has overtaken where nothing is held, and says so', async () => {
    const view = aSubject({ minFreshMs: 5000 });
    const bare = testEngine(third, { l1: new L1Entries(clock, 0) });
    const run = deferred<string>();
    const young = bare.get(view, () => run.promise);
    await turn();
    await bare.engine.invalidate(soft);
    run.resolve('young');
    await young;
    await bare.engine.background.settle();

    expect(bare.events).not.toContainEqual(expect.objectContaining({ event: 'cache.stored' }));
    expect(bare.events).toContainEqual({ event: 'cache.no_store', subject: view, reason: 'newer-write' });
  });

  it('lets callers share a run that is younger than the view allows', async () => {
    const view = aSubject({ minFreshMs: 1000 });
    let finish: (value: string) => void = () => undefined;
    const run = jest.fn(() => new Promise<string>((resolve) => (finish = resolve)));
    const early = here.get(view, run);
    await turn();
    await here.engine.invalidate(soft);

    const late = here.get(view, run);
    await turn();
    finish('shared');

    expect((await Promise.all([early, late])).map(({ value }) => value)).toEqual(['shared', 'shared']);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('but none that is older', async () => {
    const view = aSubject({ minFreshMs: 1000 });
    const run = deferred<string>();
    const early = here.get(view, () => run.promise);
    await turn();
    await there.engine.invalidate(soft);
    clock.advance(1000);

    const late = here.get(view, gives('new'));
    await turn();
    run.resolve('old');

    expect((await Promise.all([early, late])).map(({ value }) => value)).toEqual(['old', 'new']);
  });
});
