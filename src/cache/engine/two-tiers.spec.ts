import { turn } from '../../../test/support/deferred.js';
import {
  aSubject,
  course,
  sharedStore,
  testEngine,
  type TestEngine,
} from '../../../test/support/test-engine.js';
import { FakeClock } from '../testing/index.js';
import type { MemoryStore } from '../stores/memory.store.js';
import { NearEntries } from './near-entries.js';
import { softTag } from './tags.js';

const subject = aSubject();
const bounded = aSubject({ consistency: 'bounded' });
const never = () => Promise.reject(new Error('must not run'));
const gives = (value: string) => () => Promise.resolve(value);

let clock: FakeClock;
let store: MemoryStore;
let here: TestEngine;
let there: TestEngine;

beforeEach(() => {
  clock = new FakeClock();
  store = sharedStore(clock);
  here = testEngine(clock, { store });
  there = testEngine(clock, { store });
});

async function settle(): Promise<void> {
  await Promise.all([here.engine.settle(), there.engine.settle()]);
}

describe('an entry held in this process', () => {
  it('is served without being read from the store again', async () => {
    await here.get(subject, gives('one'));
    await settle();
    const read = jest.spyOn(store, 'read');

    expect(await here.get(subject, never)).toEqual({ value: 'one', how: 'hit' });
    expect(read).not.toHaveBeenCalled();
  });

  it('is not served after another process invalidated it, if strong', async () => {
    await here.get(subject, gives('old'));
    await settle();

    await there.engine.invalidate([course]);

    expect((await here.get(subject, gives('new'))).value).toBe('new');
  });

  it('asks nobody while what others do is heard, if bounded', async () => {
    here.backplane.heardUntilMs = clock.monotonicMs() + 1000;
    await here.get(bounded, gives('one'));
    await settle();
    const asked = [jest.spyOn(store, 'read'), jest.spyOn(store, 'tokens')];

    expect(here.engine.peek(bounded)).toMatchObject({ state: 'hit' });
    expect(asked.map((spy) => spy.mock.calls.length)).toEqual([0, 0]);
  });

  it.each<[string, (backplane: TestEngine['backplane']) => void]>([
    [
      'the lease on hearing has run out',
      () => {
        clock.advance(1000);
      },
    ],
    [
      'its tag was heard to be invalidated',
      (backplane) => {
        backplane.say([course]);
      },
    ],
    [
      'something may have been missed',
      (backplane) => {
        backplane.gap();
      },
    ],
  ])('is asked about, if bounded, when %s', async (_, happens) => {
    here.backplane.heardUntilMs = clock.monotonicMs() + 1000;
    await here.get(bounded, gives('one'));
    await settle();

    happens(here.backplane);

    expect(here.engine.peek(bounded)).toBeUndefined();
    const asked = jest.spyOn(store, 'tokens');
    expect(await here.get(bounded, never)).toEqual({ value: 'one', how: 'hit' });
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('is not trusted, if bounded, after an invalidation of its own that the store did not confirm', async () => {
    here.backplane.heardUntilMs = Infinity;
    await here.get(bounded, gives('one'));
    await settle();
    jest.spyOn(store, 'invalidate').mockRejectedValueOnce(new Error('away'));

    expect(await here.engine.invalidate([course])).toBe(false);

    expect(here.engine.peek(bounded)).toBeUndefined();
  });

  it('is trusted again once its tokens were seen after the gap', async () => {
    here.backplane.heardUntilMs = Infinity;
    await here.get(bounded, gives('one'));
    await settle();
    here.backplane.gap();
    await here.get(bounded, never);

    expect(here.engine.peek(bounded)).toMatchObject({ state: 'hit' });
  });

  it('is trusted at once where this process is alone, strong or not', async () => {
    const near = new NearEntries(clock, 10_000_000);
    const alone = testEngine(clock, { store, near, backplane: undefined });
    await alone.get(subject, gives('one'));
    await alone.engine.settle();

    expect(alone.engine.peek(subject)).toMatchObject({ state: 'hit' });
    await alone.engine.invalidate([course]);
    expect(alone.engine.peek(subject)).toBeUndefined();
  });

  it('is asked about together with all others that wait at the moment', async () => {
    const subjects = Array.from({ length: 50 }, (_, n) => aSubject({}, `view|/${n}`));
    for (const each of subjects) await here.get(each, gives('one'));
    await settle();
    const asked = jest.spyOn(store, 'tokens');

    await Promise.all(subjects.map((each) => here.get(each, never)));

    expect(asked.mock.calls.length).toBeLessThanOrEqual(2);
  });

  it('gives way to the fresher one of another process when its time is over', async () => {
    await here.get(subject, gives('first'));
    await settle();
    clock.advance(10_001);
    await there.get(subject, gives('second'));
    await settle();

    expect(await here.get(subject, never)).toEqual({ value: 'second', how: 'hit' });
  });
});

describe('an entry of another shape', () => {
  it('is left in the store to the program that knows it', async () => {
    await here.get(subject, gives('theirs'));
    await settle();
    const newer = Object.assign(
      Object.create(Object.getPrototypeOf(subject) as object) as typeof subject,
      subject,
    );
    Object.defineProperties(newer, {
      shape: { value: 'v2' },
      key: { value: subject.key },
      tags: { value: subject.tags },
    });

    expect((await there.get(newer, gives('ours'))).value).toBe('ours');
    await settle();

    expect(await there.get(newer, never)).toEqual({ value: 'ours', how: 'hit' });
    expect(await here.get(subject, never)).toEqual({ value: 'theirs', how: 'hit' });
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

  it('does not hold up a hard one', async () => {
    const view = aSubject({ minFreshMs: 1000 });
    await here.get(view, gives('old'));
    await settle();

    await there.engine.invalidate([...soft, course]);

    expect((await here.get(view, gives('new'))).value).toBe('new');
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
});
