import { deferred, turn } from '../../../test/support/deferred.js';
import { aSubject, course, testEngine, type TestEngine } from '../../../test/support/test-engine.js';
import { CurrentRun } from './current-run.js';
import { Subject, type Produced } from './subject.js';
import { plainTag } from './tags.js';
import { FakeClock, simulateInstances, type SimulatedInstance } from '../testing/index.js';

const subject = aSubject();
/** The same, whose result names further tags. */
const named = new Subject({
  prefix: subject.prefix,
  keyText: subject.keyText,
  shape: subject.shape,
  policy: subject.policy,
  tags: () => subject.tags,
  furtherTags: { mayBeNamed: true },
});
const never = () => Promise.reject(new Error('must not run'));
const gives = (value: string) => () => Promise.resolve(value);

let clock: FakeClock;
let others: SimulatedInstance[];
let here: TestEngine;
let there: TestEngine;

beforeEach(() => {
  clock = new FakeClock();
  const [first, second, ...rest] = simulateInstances(3, clock) as [SimulatedInstance, SimulatedInstance];
  here = testEngine(first);
  there = testEngine(second);
  others = rest;
});

/** Time passes in steps shorter than any budget, and everybody does what they do then. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10) {
    clock.advance(10);
    await turn();
  }
}

describe('callers of a cold key in several processes', () => {
  it('cost one run, also when it takes longer than a lease', async () => {
    const run = deferred<string>();
    const first = here.get(subject, () => run.promise);
    await turn();
    const others = Array.from({ length: 10 }, () => there.get(subject, never));

    await pass(5000);
    run.resolve('shared');
    await first;
    await pass(400);

    expect((await Promise.all(others)).map(({ value }) => value)).toEqual(Array(10).fill('shared'));
  });

  it('wait no longer than a lease for a process that died', async () => {
    const dead = testEngine(others[0]!);
    dead.store.hang('renewLease');
    void dead.get(subject, () => new Promise(() => undefined));
    await turn();
    const run = jest.fn(gives('again'));
    const waiting = here.get(subject, run);

    await pass(1490);
    expect(run).not.toHaveBeenCalled();
    await pass(310);

    expect((await waiting).value).toBe('again');
  });

  it('do not wait for a process that was given the lease too late', async () => {
    here.store.replyLate(60, 'open');
    const late = here.get(subject, gives('unkept'));
    await pass(100);
    const run = jest.fn(gives('kept'));
    const other = there.get(subject, run);
    await pass(10);

    expect(run).toHaveBeenCalledTimes(1);
    expect((await Promise.all([late, other])).map(({ value }) => value)).toEqual(['unkept', 'kept']);
  });

  it('do not wait for one that it was given too late, and whose store went away at that moment', async () => {
    here.store.replyLate(60, 'open');
    const late = here.get(subject, gives('unkept'));
    await pass(40);
    here.store.fail();
    await pass(100);
    here.store.restore();
    await pass(100);
    const run = jest.fn(gives('kept'));
    const other = there.get(subject, run);
    await pass(10);

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
    await pass(30);

    await testEngine(others[0]!).engine.invalidate([zoo]);
    const late = here.get(named, gives('new'));
    await pass(100);

    expect((await waiting).value).toBe('old');
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
    await pass(50);

    expect(await first).toBe('not there');
    expect((await after).value).toBe('there');
  });

  it('do not wait for the lease to be given back when another process has stored it by then', async () => {
    const looked = here.engine.lookup(subject, here.engine.newBudget());
    await looked;
    await there.get(subject, gives('theirs'));
    await there.engine.background.settle();
    here.store.hang('releaseLease');

    const factory = () => Promise.reject(new Error('must not run'));
    const loaded = await here.engine.load(subject, here.engine.newBudget(), factory, ({ body }) =>
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
    await pass(300);

    expect(await first).toBe('failed');
    expect((await other).value).toBe('ours');
  });

  it('do not wait for a run that an invalidation overtook', async () => {
    const run = deferred<string>();
    const first = here.get(subject, () => run.promise);
    await turn();
    await there.engine.invalidate([course]);
    const other = there.get(subject, gives('new'));
    await pass(300);

    expect((await other).value).toBe('new');
    run.resolve('old');
    expect((await first).value).toBe('old');
  });
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
    await pass(2000);
    slow.resolve('first');
    await first;
    await here.engine.background.settle();
    clock.advance(6500);
    const run = jest.fn(gives('second'));

    await here.get(subject, run);
    await here.engine.background.settle();

    expect(run).toHaveBeenCalledTimes(1);
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

  it('an entry beyond its grace covers no failure', async () => {
    await expired();
    clock.advance(60_000);

    await expect(here.get(view, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
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

  it('is waited for no longer than ten seconds, and then others may run', async () => {
    void here.get(subject, lost);
    await turn();
    await pass(10_600);
    const run = jest.fn(gives('again'));

    expect((await there.get(subject, run)).value).toBe('again');
    expect((await here.get(aSubject({}, 'view|/2'), gives('other'))).value).toBe('other');
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('is left after ten seconds by those who joined it, who then share another', async () => {
    void here.get(subject, lost);
    await turn();
    await pass(4000);
    const run = jest.fn(gives('again'));
    const joined = [here.get(subject, run), here.get(subject, run)];
    await pass(5990);
    expect(run).not.toHaveBeenCalled();
    await pass(610);

    expect((await Promise.all(joined)).map(({ value }) => value)).toEqual(['again', 'again']);
    expect(run).toHaveBeenCalledTimes(1);
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
    await pass(200);
    await Promise.all(answers);
    await pass(5000);

    expect(run).toHaveBeenCalledTimes(1);
  });

  it('takes one place, however many had joined it', async () => {
    here.store.fail();
    const narrow = testEngine(here, { bulkhead: { concurrency: 2, maxWaiting: 9, maxWaitMs: 1000 } });
    const impatient = aSubject({ hardTimeoutMs: 200 });
    const answers = Array.from({ length: 5 }, () => narrow.get(impatient, lost).catch(() => 'told so'));
    await turn();
    await pass(1000);

    expect(await Promise.all(answers)).toEqual(Array(5).fill('told so'));
    expect((await narrow.get(aSubject({}, 'view|/2'), gives('fine'))).value).toBe('fine');
  });

  it('is left by those who wait for its end while the store is away, too', async () => {
    here.store.fail();
    void here.get(subject, lost);
    await turn();
    const waiting = here.get(subject, gives('again'));
    await pass(10_000);

    expect((await waiting).value).toBe('again');
  });

  it('is joined by nobody here either who comes after ten seconds', async () => {
    void here.get(subject, lost);
    await turn();
    clock.advance(10_000);

    expect((await here.get(subject, gives('again'))).value).toBe('again');
  });
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

describe('while the store is away', () => {
  const bulkhead = { concurrency: 1, maxWaiting: 1, maxWaitMs: 1000 };

  beforeEach(() => {
    here.store.fail();
  });

  it('callers of a key who came during a run share the next one', async () => {
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

  it('no more run at a time than the bulkhead allows, nor wait; and nobody waits too long', async () => {
    const narrow = testEngine(here, { bulkhead });
    const run = deferred<string>();
    const get = (n: number) => narrow.get(aSubject({}, `view|/${n}`), () => run.promise);
    const [running, waiting] = [get(1), get(2)];
    await turn();

    await expect(get(3)).rejects.toMatchObject({ code: 'CACHE_OVERLOADED' });
    clock.advance(1000);
    await expect(waiting).rejects.toMatchObject({ code: 'CACHE_OVERLOADED' });
    run.resolve('done');
    expect((await running).value).toBe('done');
    expect(narrow.events.filter(({ event }) => event === 'cache.overloaded')).toHaveLength(2);
    // Whoever gave up has left no place behind that nobody takes.
    expect((await get(4)).value).toBe('done');
  });

  it('a run and the runs inside it take one place of the bulkhead', async () => {
    const narrow = testEngine(here, { bulkhead: { ...bulkhead, concurrency: 2 } });
    const inner = () => narrow.get(aSubject({}, 'view|/inner'), gives('inner'));
    const outer = (n: number) =>
      narrow.get(aSubject({}, `view|/${n}`), async () => {
        await turn();
        return (await inner()).value;
      });

    const answers = await Promise.all([outer(1), outer(2)]);

    expect(answers.map(({ value }) => value)).toEqual(['inner', 'inner']);
  });

  it('work that asks for many things together takes one place for all its runs', async () => {
    const narrow = testEngine(here, { bulkhead: { ...bulkhead, maxWaiting: 2 } });
    const all = (name: string, run: () => Promise<string>) =>
      narrow.engine.together(() =>
        Promise.all(['1', '2', '3'].map((n) => narrow.get(aSubject({}, `view|/${name}${n}`), run))),
      );
    const ready = deferred<string>();
    const others = jest.fn(gives('b'));
    const first = all('a', () => ready.promise);
    const second = all('b', others);
    await turn();
    expect(others).not.toHaveBeenCalled();

    ready.resolve('a');

    expect((await first).map(({ value }) => value)).toEqual(['a', 'a', 'a']);
    expect((await second).map(({ value }) => value)).toEqual(['b', 'b', 'b']);
    expect((await all('c', gives('c'))).map(({ value }) => value)).toEqual(['c', 'c', 'c']);
  });

  it('work that asks for many things together keeps its place until it is done', async () => {
    const narrow = testEngine(here, { bulkhead: { ...bulkhead, maxWaiting: 2 } });
    const order: string[] = [];
    const parts = (name: string) =>
      narrow.engine.together(async () => {
        for (const n of ['1', '2']) {
          await narrow.get(aSubject({}, `view|/${name}${n}`), () => {
            order.push(name + n);
            return Promise.resolve(name);
          });
        }
      });

    await Promise.all(['a', 'b', 'c'].map(parts));

    expect(order).toEqual(['a1', 'a2', 'b1', 'b2', 'c1', 'c2']);
  });

  it('a run keeps the place of the work that began it, also when that has ended', async () => {
    const narrow = testEngine(here, { bulkhead });
    const [begun, ready] = [deferred<undefined>(), deferred<undefined>()];
    const inner = () => narrow.get(aSubject({}, 'view|/inner'), gives('inner'));
    let outer: Promise<{ value: string }> | undefined;
    await narrow.engine.together(() => {
      outer = narrow.get(aSubject({}, 'view|/outer'), async () => {
        begun.resolve(undefined);
        await ready.promise;
        return (await inner()).value;
      });
      return begun.promise;
    });

    ready.resolve(undefined);

    expect((await outer)?.value).toBe('inner');
  });

  it('a run inside a run does not join one that waits for a place', async () => {
    const narrow = testEngine(here, { bulkhead });
    const inner = () => narrow.get(aSubject({}, 'view|/inner'), gives('inner'));
    const ready = deferred<undefined>();
    const outer = narrow.get(aSubject({}, 'view|/outer'), async () => {
      await ready.promise;
      return (await inner()).value;
    });
    await turn();
    const waiting = inner();
    await turn();
    ready.resolve(undefined);

    expect((await outer).value).toBe('inner');
    expect((await waiting).value).toBe('inner');
  });

  it('callers who share a run whose result cannot be shared then run no more at a time either', async () => {
    const narrow = testEngine(here, { bulkhead: { ...bulkhead, maxWaiting: 10 } });
    let [running, most] = [0, 0];
    const factory = async () => {
      most = Math.max(most, ++running);
      await turn();
      running--;
      return { value: 'own', isShareable: false };
    };
    const get = () =>
      narrow.engine.load(subject, narrow.engine.newBudget(), factory, ({ body }) => String(body));

    await Promise.all([get(), get(), get(), get()]);

    expect(most).toBe(1);
  });
});
