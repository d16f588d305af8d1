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
import { FakeClock } from '../testing/index.js';
import { pause } from './clock.js';

const subject = aSubject();

let clock: FakeClock;
let here: TestEngine;
let there: TestEngine;

beforeEach(() => {
  clock = new FakeClock();
  ({ here, there } = testEngines(clock));
});

describe('beyond its TTL', () => {
  const view = aSubject({ graceMs: 60_000, softTimeoutMs: 100, refreshAhead: 1 });

  async function expired(of = view): Promise<void> {
    await here.get(of, gives('old'));
    await here.engine.background.settle();
    clock.advance(10_001);
  }

  it('an entry covers a run that fails', async () => {
    await expired();

    const answer = await here.get(view, () => Promise.reject(new Error('no')));

    expect(answer).toMatchObject({ value: 'old', how: 'stale' });
    expect(here.events).toContainEqual(
      expect.objectContaining({ event: 'cache.stale_served', reason: 'error', staleMs: 1 }),
    );
  });

  it('an entry covers a run that fails where it is waited for without end', async () => {
    const patient = aSubject({ graceMs: 60_000, softTimeoutMs: Infinity, refreshAhead: 1 });
    await expired(patient);
    const run = deferred<string>();

    const answer = here.get(patient, () => run.promise);
    await turn();
    clock.advance(9000);
    run.reject(new Error('no'));

    expect(await answer).toMatchObject({ value: 'old', how: 'stale' });
    expect(here.events).toContainEqual(
      expect.objectContaining({ event: 'cache.stale_served', reason: 'error', staleMs: 9001 }),
    );
  });

  it('an entry is given after the soft timeout, and the run goes on and is kept', async () => {
    await expired();
    const run = deferred<string>();

    const answer = here.get(view, () => run.promise);
    await turn();
    clock.advance(100);

    expect(await answer).toMatchObject({ value: 'old', how: 'stale' });
    run.resolve('new');
    await here.engine.background.settle();
    expect(await here.get(view, never)).toEqual({ value: 'new', how: 'hit' });
  });

  it('an entry is given at once where nobody is to wait, also when the run takes no time', async () => {
    const eager = aSubject({ graceMs: 60_000, softTimeoutMs: 0, refreshAhead: 1 });
    await expired(eager);

    expect(await here.get(eager, gives('new'))).toMatchObject({ value: 'old', how: 'stale' });

    await here.engine.background.settle();
    expect(await here.get(eager, never)).toEqual({ value: 'new', how: 'hit' });
  });

  it('an entry is not given once what it depends on was invalidated: time is forgiven, that is not', async () => {
    await expired();
    await there.engine.invalidate([course]);

    await expect(here.get(view, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('nor once that was invalidated while its caller waited for a run that failed', async () => {
    await expired();
    const run = deferred<string>();
    const answer = here.get(view, () => run.promise);
    await turn();
    await there.engine.invalidate([course]);
    run.reject(new Error('no'));

    await expect(answer).rejects.toThrow('no');
  });

  it('nor then where the store did not answer once before, and does now', async () => {
    await expired();
    const run = deferred<string>();
    here.store.hang('open');
    const answer = here.get(view, () => run.promise);
    const failed = expect(answer).rejects.toThrow('no');
    await pass(clock, 60);
    here.store.restore();
    await there.engine.invalidate([course]);
    run.reject(new Error('no'));
    await pass(clock, 20);

    await failed;
  });

  it('nor once that was invalidated before the soft timeout: then the run is waited for', async () => {
    await expired();
    const run = deferred<string>();
    const answer = here.get(view, () => run.promise);
    await turn();
    await there.engine.invalidate([course]);
    await pass(clock, 200);
    run.resolve('new');

    expect(await answer).toMatchObject({ value: 'new', how: 'ran' });
  });

  it('nor does that wait go beyond the hard timeout', async () => {
    const impatient = aSubject({ ...view.policy, hardTimeoutMs: 200 });
    await expired(impatient);
    const answer = here.get(impatient, () => new Promise<never>(() => undefined));
    const refused = expect(answer).rejects.toMatchObject({ code: 'CACHE_FACTORY_TIMED_OUT' });
    await turn();
    await there.engine.invalidate([course]);
    await pass(clock, 200);

    await refused;
  });

  it('an entry is given where the store does not say any more whether it is still good, and no later than that takes', async () => {
    await expired();
    const answer = here.get(view, () => new Promise<never>(() => undefined));
    await turn();
    here.store.hang('tokens');
    const sinceMs = clock.monotonicMs();
    let givenAfterMs = Infinity;
    void answer.then(() => (givenAfterMs = clock.monotonicMs() - sinceMs));
    await pass(clock, 200);

    expect(await answer).toMatchObject({ value: 'old', how: 'stale' });
    expect(givenAfterMs).toBeLessThanOrEqual(150);
  });

  it('an entry is in nothing that is kept: neither what a run makes of it, nor what one makes of that who joined', async () => {
    const fails = deferred<string>();
    await expired();
    const made = aSubject({}, 'made|/1');
    const outer = aSubject({}, 'outer|/1');
    const make = async () => `of ${(await here.get(view, () => fails.promise)).value}`;
    const first = here.get(made, make);
    await turn();
    const joined = here.get(outer, async () => `out ${(await here.get(made, never)).value}`);
    await turn();
    fails.reject(new Error('no'));

    expect([(await first).value, (await joined).value]).toEqual(['of old', 'out of old']);
    await here.engine.background.settle();
    expect(await here.get(made, gives('new'))).toMatchObject({ value: 'new', how: 'ran' });
    expect(await here.get(outer, gives('new'))).toMatchObject({ value: 'new', how: 'ran' });
  });

  it('an entry beyond its grace covers no failure', async () => {
    await expired();
    clock.advance(60_000);

    await expect(here.get(view, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('nor does one whose grace ends while its caller waits', async () => {
    const patient = aSubject({ graceMs: 5000, softTimeoutMs: Infinity, refreshAhead: 1 });
    await expired(patient);
    const run = deferred<string>();
    const answer = here.get(patient, () => run.promise);
    await turn();
    clock.advance(4999);
    run.reject(new Error('no'));

    await expect(answer).rejects.toThrow('no');
  });

  it('nor does one whose grace ends while the store is asked about it', async () => {
    await expired();
    clock.advance(59_970);
    here.store.replyLate(40, 'tokens');

    const answer = here.get(view, () => Promise.reject(new Error('no')));
    const refused = expect(answer).rejects.toThrow('no');
    await pass(clock, 50);

    await refused;
  });

  it('after the hard timeout the caller is told so, and the run goes on and is kept', async () => {
    const impatient = aSubject({ hardTimeoutMs: 200 });
    const run = deferred<string>();
    const answer = here.get(impatient, () => run.promise);
    await turn();

    clock.advance(200);

    await expect(answer).rejects.toMatchObject({ code: 'CACHE_FACTORY_TIMED_OUT' });
    run.resolve('late');
    await here.engine.background.settle();
    expect(await here.get(impatient, never)).toEqual({ value: 'late', how: 'hit' });
  });
});

describe('a run that never ends', () => {
  const lost = () => new Promise<never>(() => undefined);

  it('is joined by nobody who comes after its hard timeout, here or elsewhere', async () => {
    const impatient = aSubject({ hardTimeoutMs: 200 });
    const first = here.get(impatient, lost);
    const joined = here.get(impatient, never);
    await turn();
    clock.advance(200);
    await expect(first).rejects.toMatchObject({ code: 'CACHE_FACTORY_TIMED_OUT' });
    await expect(joined).rejects.toMatchObject({ code: 'CACHE_FACTORY_TIMED_OUT' });

    expect((await here.get(impatient, gives('again'))).value).toBe('again');
    await turn();
    expect((await there.get(impatient, never)).value).toBe('again');
  });

  it('is left by a less patient caller after their own hard timeout, who has another', async () => {
    void here.get(subject, lost);
    await turn();
    await pass(clock, 900);
    const asked = here.store.calls('tokens');
    const run = jest.fn(gives('own'));
    const other = here.get(aSubject({ hardTimeoutMs: 1000 }), run);
    await pass(clock, 150);

    expect(run).toHaveBeenCalledTimes(1);
    expect((await other).value).toBe('own');
    expect(here.store.calls('tokens') - asked).toBeLessThan(5);
  });

  it('is given up then also where nobody asks for the same again', async () => {
    const impatient = aSubject({ hardTimeoutMs: 200 });
    const first = here.get(impatient, lost);
    await turn();
    clock.advance(200);
    await expect(first).rejects.toMatchObject({ code: 'CACHE_FACTORY_TIMED_OUT' });

    const run = jest.fn(gives('again'));
    const other = there.get(impatient, run);
    await pass(clock, 100);

    expect(run).toHaveBeenCalledTimes(1);
    expect((await other).value).toBe('again');
  });

  it('is waited for no longer than ten seconds, and then others may run', async () => {
    void here.get(subject, lost);
    await turn();
    await pass(clock, 10_600);
    const run = jest.fn(gives('again'));

    expect((await there.get(subject, run)).value).toBe('again');
    expect((await here.get(aSubject({}, 'view|/2'), gives('other'))).value).toBe('other');
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('is left after ten seconds by those who joined it, who then share another', async () => {
    void here.get(subject, lost);
    await turn();
    await pass(clock, 4000);
    const run = jest.fn(gives('again'));
    const joined = [here.get(subject, run), here.get(subject, run)];
    await pass(clock, 5990);
    expect(run).not.toHaveBeenCalled();
    await pass(clock, 610);

    expect((await Promise.all(joined)).map(({ value }) => value)).toEqual(['again', 'again']);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('counts nobody as waiting for it who was given something stale at once', async () => {
    const atOnce = aSubject({ graceMs: 60_000, softTimeoutMs: 0, refreshAhead: 1 });
    await here.get(atOnce, gives('old'));
    await here.engine.background.settle();
    clock.advance(10_001);
    const run = deferred<string>();

    const answers = Array.from({ length: 3 }, () => here.get(atOnce, () => run.promise));
    expect((await Promise.all(answers)).map(({ value }) => value)).toEqual(['old', 'old', 'old']);
    run.resolve('new');
    await here.engine.background.settle();

    expect(here.events.filter(({ event }) => event === 'cache.coalesced')).toEqual([]);
  });

  it('counts nobody either who was given something stale while another process ran', async () => {
    const atOnce = aSubject({ graceMs: 60_000, softTimeoutMs: 0, refreshAhead: 1 });
    await there.get(atOnce, gives('old'));
    await there.engine.background.settle();
    clock.advance(10_001);
    const run = deferred<string>();
    const first = there.get(atOnce, () => run.promise);
    await turn();

    expect((await here.get(atOnce, never)).value).toBe('old');
    run.resolve('new');
    await first;
    await pass(clock, 400);

    expect(here.events.filter(({ event }) => event === 'cache.coalesced')).toEqual([]);
  });

  it('is left once only, where all runs take so long', async () => {
    const takesTwelveSeconds = jest.fn(async () => {
      await pause(clock, 12_000);
      throw new Error('after all');
    });
    const endedAtMs: number[] = [];
    const sinceMs = clock.monotonicMs();
    const answers = Array.from({ length: 20 }, () =>
      here.get(subject, takesTwelveSeconds).catch(() => endedAtMs.push(clock.monotonicMs() - sinceMs)),
    );
    await turn();
    await pass(clock, 40_000);
    await Promise.all(answers);

    expect(takesTwelveSeconds).toHaveBeenCalledTimes(2);
    expect(Math.max(...endedAtMs)).toBeLessThan(22_500);
  });

  it.each([
    ['told so', {}],
    ['given something stale', { graceMs: 60_000, softTimeoutMs: 100, refreshAhead: 1 }],
  ])('has no other run follow for those who have been %s by then', async (_, policy) => {
    const impatient = aSubject({ hardTimeoutMs: 200, ...policy });
    await here.get(impatient, gives('old'));
    await here.engine.background.settle();
    clock.advance(10_001);
    const run = jest.fn(lost);
    const answers = Array.from({ length: 20 }, () => here.get(impatient, run).catch(() => 'told so'));
    await turn();
    await pass(clock, 200);
    await Promise.all(answers);
    await pass(clock, 5000);

    expect(run).toHaveBeenCalledTimes(1);
  });

  it('takes one place, however many had joined it', async () => {
    here.store.fail();
    const narrow = testEngine(here, { bulkhead: { concurrency: 2, maxWaiting: 9, maxWaitMs: 1000 } });
    const impatient = aSubject({ hardTimeoutMs: 200 });
    const answers = Array.from({ length: 5 }, () => narrow.get(impatient, lost).catch(() => 'told so'));
    await turn();
    await pass(clock, 1000);

    expect(await Promise.all(answers)).toEqual(Array(5).fill('told so'));
    expect((await narrow.get(aSubject({}, 'view|/2'), gives('fine'))).value).toBe('fine');
  });

  it('is left by those who wait for its end while the store is away, too', async () => {
    here.store.fail();
    void here.get(subject, lost);
    await turn();
    const waiting = here.get(subject, gives('again'));
    await pass(clock, 10_000);

    expect((await waiting).value).toBe('again');
  });

  it('is joined by nobody here either who comes after ten seconds', async () => {
    void here.get(subject, lost);
    await turn();
    clock.advance(10_000);

    expect((await here.get(subject, gives('again'))).value).toBe('again');
  });
});

it('a run that was given up and never ends holds up the end of the process for no more than 5 s', async () => {
  const answer = here.get(aSubject({ hardTimeoutMs: 100 }), () => new Promise<never>(() => undefined));
  await turn();
  clock.advance(100);
  await expect(answer).rejects.toMatchObject({ code: 'CACHE_FACTORY_TIMED_OUT' });
  let isClosed = false;
  const closing = here.engine.close().then(() => (isClosed = true));

  clock.advance(4999);
  await turn();
  expect(isClosed).toBe(false);
  clock.advance(1);
  await closing;
});
