import { deferred, turn } from '../../../test/support/deferred.js';
import {
  aSubject,
  course,
  gives,
  never,
  pass,
  testEngine,
  testEngines,
  type TestEngine,
} from '../../../test/support/test-engine.js';
import { FakeClock, type SimulatedInstance } from '../testing/index.js';
import { CurrentRun } from './current-run.js';

const subject = aSubject();

let clock: FakeClock;
let here: TestEngine;
let there: TestEngine;
let third: SimulatedInstance;

beforeEach(() => {
  clock = new FakeClock();
  ({ here, there, third } = testEngines(clock));
});

describe('an entry that will soon expire', () => {
  it('is refreshed behind the answers, once, and nobody waits', async () => {
    await here.get(subject, gives('first'));
    await here.engine.background.settle();
    clock.advance(8001);
    const run = jest.fn(gives('second'));

    const answers = await Promise.all(Array.from({ length: 20 }, () => here.get(subject, run)));
    await here.engine.background.settle();

    expect(new Set(answers.map(({ value, how }) => `${how} ${value}`))).toEqual(new Set(['hit first']));
    expect(run).toHaveBeenCalledTimes(1);
    expect((await here.get(subject, never)).value).toBe('second');
  });

  it('is refreshed by one process for all', async () => {
    await here.get(subject, gives('first'));
    await there.get(subject, never);
    await here.engine.background.settle();
    clock.advance(8001);
    const run = deferred<string>();
    await here.get(subject, () => run.promise);
    await turn();
    const runThere = jest.fn(gives('third'));

    expect((await there.get(subject, runThere)).value).toBe('first');
    await there.engine.background.settle();
    run.resolve('second');
    await here.engine.background.settle();

    expect(runThere).not.toHaveBeenCalled();
    clock.advance(2000);
    expect(await there.get(subject, runThere)).toEqual({ value: 'second', how: 'hit' });
  });

  it('is not refreshed, and nobody held up elsewhere, where another run has begun while the store was asked', async () => {
    await here.get(subject, gives('first'));
    await here.engine.background.settle();
    clock.advance(8001);
    here.store.replyLate(20, 'open');
    expect((await here.get(subject, never)).value).toBe('first');
    await turn();
    here.store.restore('open');
    const renewal = deferred<{ value: string; isShareable: true }>();
    const renewed = here.engine.renew(subject, here.engine.newBudget(), () => renewal.promise);
    await pass(clock, 20);

    const lease = { owner: 'somebody else', ttlMs: 1000 };
    expect(here.events).not.toContainEqual(expect.objectContaining({ event: 'cache.refresh_failed' }));
    renewal.resolve({ value: 'renewed', isShareable: true });
    await renewed;
    await here.engine.background.settle();
    expect(await there.store.open(subject, subject.tags, 10_000, 1000, lease)).toMatchObject({
      hasLease: true,
    });
  });

  it('holds nobody up elsewhere when it was refreshed already', async () => {
    await here.get(subject, gives('first'));
    await there.get(subject, never);
    await here.engine.background.settle();
    clock.advance(8001);
    await here.get(subject, gives('second'));
    await here.engine.background.settle();
    // It still holds the one that will soon expire, and asks for the right to refresh it.
    await there.get(subject, never);
    await there.engine.background.settle();

    const lease = { owner: 'somebody else', ttlMs: 1000 };
    expect(await here.store.open(subject, subject.tags, 10_000, 1000, lease)).toMatchObject({
      hasLease: true,
    });
  });

  it('is refreshed the earlier, the longer a run takes', async () => {
    const slow = deferred<string>();
    const first = here.get(subject, () => slow.promise);
    await turn();
    await pass(clock, 2000);
    slow.resolve('first');
    await first;
    await here.engine.background.settle();
    clock.advance(6500);
    const run = jest.fn(gives('second'));

    await here.get(subject, run);
    await here.engine.background.settle();

    expect(run).toHaveBeenCalledTimes(1);
  });

  it('does not take the place of what was made since it was invalidated, also where the refresh was about to begin', async () => {
    await here.get(subject, gives('first'));
    await here.engine.background.settle();
    clock.advance(9000);
    here.store.replyLate(20, 'open');
    const run = deferred<string>();
    await here.get(subject, () => run.promise);
    await turn();
    await there.engine.invalidate([course]);
    await pass(clock, 50);
    const next = there.get(subject, gives('new'));
    await pass(clock, 2000);
    await next;
    await there.engine.background.settle();
    run.resolve('old');
    await here.engine.background.settle();

    expect(await testEngine(third).get(subject, never)).toEqual({ value: 'new', how: 'hit' });
  });

  it('stays as it is when the refresh fails', async () => {
    await here.get(subject, gives('first'));
    await here.engine.background.settle();
    clock.advance(8001);

    await here.get(subject, () => Promise.reject(new TypeError('what the method was given')));
    await here.engine.background.settle();

    expect((await here.get(subject, never)).value).toBe('first');
    expect(here.events).toContainEqual(
      expect.objectContaining({ event: 'cache.refresh_failed', reason: 'TypeError' }),
    );
  });

  it('is refreshed beside the run that asked for it, and what becomes of that says nothing of the run', async () => {
    await here.get(subject, gives('first'));
    await here.engine.background.settle();
    clock.advance(8001);
    const around = aSubject({}, 'view|/around');
    const refresh = jest.fn(() => {
      CurrentRun.around?.spoil('stale-inside');
      return Promise.resolve('second');
    });
    const run = async () => {
      const { value } = await here.get(subject, refresh);
      await pass(clock, 10);
      return value;
    };

    expect((await here.get(around, run)).value).toBe('first');
    expect(refresh).toHaveBeenCalledTimes(1);
    await here.engine.background.settle();
    expect(await here.get(around, never)).toEqual({ value: 'first', how: 'hit' });
  });
});
