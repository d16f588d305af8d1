import { deferred, turn } from '../../../test/support/deferred.js';
import {
  aSubject,
  course,
  gives,
  never,
  testEngines,
  type TestEngine,
} from '../../../test/support/test-engine.js';
import { FakeClock } from '../testing/index.js';
import { CurrentRun } from './current-run.js';
import type { EntryPolicy } from './entry-policy.js';
import { RetryPauses } from './retry-pauses.js';
import type { Produced } from './factory.js';

const fails = () => Promise.reject(new Error('the source is down'));
const stale = { value: 'old', how: 'stale' };
const paused = { value: 'old', how: 'paused' };

let clock: FakeClock;
let here: TestEngine;
let there: TestEngine;

beforeEach(() => {
  clock = new FakeClock();
  ({ here, there } = testEngines(clock));
});

function aView(policy: Partial<EntryPolicy> = {}) {
  return aSubject({ graceMs: 60_000, refreshAhead: 1, ...policy });
}

/** Entries live for 10 s. */
async function keptFor(ms: number, view = aView()): Promise<void> {
  await here.get(view, gives('old'));
  await here.engine.background.settle();
  clock.advance(ms);
}

describe('after a run that failed', () => {
  it('callers get the stale answer at once, without a run, for a second, and then one runs again', async () => {
    await keptFor(10_001);
    await here.get(aView(), fails);
    const run = jest.fn(gives('new'));

    clock.advance(999);
    for (let n = 0; n < 3; n++) expect(await here.get(aView(), run)).toMatchObject(paused);
    expect(run).not.toHaveBeenCalled();
    clock.advance(1);

    expect(await here.get(aView(), run)).toMatchObject({ value: 'new', how: 'ran' });
    const covered = here.events.filter(({ event }) => event === 'cache.stale_served');
    expect(covered).toEqual(Array(4).fill(expect.objectContaining({ reason: 'error' })));
  });

  it('the pause begins when it fails, also where its caller had been given the stale answer before', async () => {
    const view = aView({ softTimeoutMs: 100 });
    await keptFor(10_001, view);
    const run = deferred<string>();
    const answer = here.get(view, () => run.promise);
    await turn();
    clock.advance(100);
    await answer;

    clock.advance(5000);
    run.reject(new Error('the source is down'));
    await here.engine.background.settle();

    const again = jest.fn(never);
    expect(await here.get(view, again)).toMatchObject({ ...paused, isStored: false });
    expect(again).not.toHaveBeenCalled();
    expect(here.events.at(-1)).toMatchObject({ event: 'cache.stale_served', reason: 'error' });
  });

  it('behind a hit the entry is not refreshed again in the pause, nor made anew when it has expired', async () => {
    const view = aView({ refreshAhead: 0.8, retryAfterMs: 5000 });
    await keptFor(8001, view);
    const run = jest.fn(fails);
    await here.get(view, run);
    await here.engine.background.settle();

    clock.advance(1500);
    expect(await here.get(view, run)).toMatchObject({ value: 'old', how: 'hit' });
    await here.engine.background.settle();
    clock.advance(3000);
    expect(await here.get(view, run)).toMatchObject(paused);

    expect(run).toHaveBeenCalledTimes(1);
    clock.advance(500);
    expect(await here.get(view, gives('new'))).toMatchObject({ value: 'new' });
  });

  it('an entry that nothing may stand in for is refreshed again as soon as ever', async () => {
    const view = aView({ graceMs: 0, refreshAhead: 0.5, retryAfterMs: 60_000 });
    await keptFor(6000, view);
    await here.get(view, fails);
    await here.engine.background.settle();

    clock.advance(1000);
    await here.get(view, gives('new'));
    await here.engine.background.settle();

    expect(await here.get(view, never)).toMatchObject({ value: 'new', how: 'hit' });
  });

  it('an invalidation ends the pause, for nothing may stand in any more', async () => {
    const view = aView({ retryAfterMs: 60_000 });
    await keptFor(10_001, view);
    await here.get(view, fails);
    await there.engine.invalidate([course]);

    await expect(here.get(view, fails)).rejects.toThrow('the source is down');
    expect(await here.get(view, gives('new'))).toMatchObject({ value: 'new', how: 'ran' });
  });

  it('the end of its grace ends the pause', async () => {
    const view = aView({ graceMs: 2000, retryAfterMs: 60_000 });
    await keptFor(10_001, view);
    await here.get(view, fails);
    clock.advance(2000);

    await expect(here.get(view, fails)).rejects.toThrow('the source is down');
  });

  it('an entry that another process has made since ends the pause', async () => {
    const view = aView({ retryAfterMs: 60_000 });
    await keptFor(10_001, view);
    await here.get(view, fails);
    clock.advance(1);
    await there.get(view, gives('newer'));
    await there.engine.background.settle();
    expect(await here.get(view, never)).toMatchObject({ value: 'newer', how: 'hit' });
    clock.advance(10_001);

    expect(await here.get(view, gives('newest'))).toMatchObject({ value: 'newest', how: 'ran' });
  });

  it('of one caller alone, as within a transaction, others have runs of theirs', async () => {
    await keptFor(10_001);
    const inTransaction = () => {
      CurrentRun.around?.spoil('in-transaction');
      return fails();
    };

    expect(await here.get(aView(), inTransaction)).toMatchObject(stale);

    expect(await here.get(aView(), gives('new'))).toMatchObject({ value: 'new', how: 'ran' });
  });

  it('none began for who had been given the stale answer before the run gave what nobody can share', async () => {
    const view = aView({ softTimeoutMs: 0 });
    await keptFor(10_001, view);
    const run = deferred<Produced<string>>();
    const produce = () => run.promise;
    const both = [here, here].map(({ engine }) => engine.getOrSet(view, produce, () => 'old'));
    expect((await Promise.all(both)).map(({ value }) => value)).toEqual(['old', 'old']);

    run.resolve({ value: 'mine', isShareable: false });
    await here.engine.background.settle();
    clock.advance(100);

    const again = jest.fn(gives('new'));
    await here.get(view, again);
    await here.engine.background.settle();
    expect(again).toHaveBeenCalledTimes(1);
  });

  it('each caller has a run where retryAfter is 0', async () => {
    const view = aView({ retryAfterMs: 0 });
    await keptFor(10_001, view);
    const run = jest.fn(fails);

    for (let n = 0; n < 3; n++) expect(await here.get(view, run)).toMatchObject(stale);

    expect(run).toHaveBeenCalledTimes(3);
  });

  it('other keys and other processes have no pause', async () => {
    await keptFor(10_001);
    await here.get(aView(), fails);

    expect(await here.get(aSubject({}, 'view|/2'), gives('other'))).toMatchObject({ value: 'other' });
    expect(await there.get(aView(), gives('new'))).toMatchObject({ value: 'new', how: 'ran' });
  });
});

it('no more than ten thousand pauses are remembered, the newest', () => {
  const pauses = new RetryPauses(clock);
  const found = { ageMs: 10_001 } as Parameters<RetryPauses['appliesTo']>[1];
  const view = (n: number) => aSubject({ graceMs: 60_000 }, `view|/${n}`);
  for (let n = 0; n <= 10_000; n++) pauses.begin(view(n));
  pauses.begin(aSubject({ graceMs: 60_000, retryAfterMs: 0 }, 'view|/none'));

  expect([0, 1, 10_000].map((n) => pauses.appliesTo(view(n), found))).toEqual([false, true, true]);
});
