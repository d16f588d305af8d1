import { turn } from '../../../test/support/deferred.js';
import {
  aSubject,
  course,
  gives,
  pass,
  testEngines,
  type TestEngine,
} from '../../../test/support/test-engine.js';
import { FakeClock } from '../testing/index.js';
import { CacheError } from './cache-errors.js';
import { HitForMiss } from './hit-for-miss.js';
import { TOO_LARGE } from './store.js';
import type { NotStored, Produced } from './factory.js';

const subject = aSubject();

let clock: FakeClock;
let here: TestEngine;
let there: TestEngine;

beforeEach(() => {
  clock = new FakeClock();
  ({ here, there } = testEngines(clock));
});

function unkept(notStoredBecause: NotStored = 'unless'): Produced<string> {
  return { value: 'unkept', isShareable: true, notStoredBecause };
}

async function run(
  { engine }: TestEngine,
  method: () => Promise<Produced<string>>,
  of = subject,
): Promise<void> {
  await engine.load(of, engine.newBudget(), method, ({ body }) => String(body));
  await engine.background.settle();
}

const endless = () => new Promise<never>(() => undefined);

/** Asks in one process after `begin` has begun a run in another. @returns the method, called if that is not waited for */
async function askBeside(begin: () => Promise<unknown>, where: TestEngine): Promise<jest.Mock> {
  void begin();
  await turn();
  const method = jest.fn(() => Promise.resolve(unkept()));
  void run(where, method);
  await turn();
  return method;
}

/** Whether a caller here waits when another process runs the method, without an end. */
async function waitsForOthers(): Promise<boolean> {
  const method = await askBeside(() => run(there, endless), here);
  return method.mock.calls.length === 0;
}

it.each([
  [59_999, false],
  [60_000, true],
])('%i ms after an answer that was not to be kept another process is waited for: %s', async (ms, isSo) => {
  await run(here, () => Promise.resolve(unkept()));
  clock.advance(ms);

  expect(await waitsForOthers()).toBe(isSo);
});

it('after an answer that the store takes from nobody, another process is not waited for either', async () => {
  const kept = {
    value: 'huge',
    isShareable: true,
    entry: { body: Buffer.from('huge'), ttlMs: 0.1, namedTags: [] },
  };
  jest.spyOn(here.store, 'write').mockRejectedValue(new CacheError('CACHE_STORE_UNAVAILABLE', TOO_LARGE));
  await run(here, () => Promise.resolve(kept));
  clock.advance(1);

  expect(await waitsForOthers()).toBe(false);
});

it('where another process is not waited for, it does not wait either', async () => {
  await run(here, () => Promise.resolve(unkept()));
  const method = await askBeside(() => run(here, endless), there);

  expect(method).toHaveBeenCalledTimes(1);
});

it('nobody waits for one that is made anew either', async () => {
  await run(here, () => Promise.resolve(unkept()));
  const renew = () => here.engine.renew<string>(subject, here.engine.newBudget(), endless);
  const method = await askBeside(renew, there);

  expect(method).toHaveBeenCalledTimes(1);
});

it('who waits for another process when such an answer is given here waits no longer', async () => {
  const method = await askBeside(() => run(there, endless), here);
  await here.engine.renew(subject, here.engine.newBudget(), () => Promise.resolve(unkept()));
  await pass(clock, 300);

  expect(method).toHaveBeenCalledTimes(1);
});

it('an entry of another process is replaced ahead of its end by one process all the same', async () => {
  await run(here, () => Promise.resolve(unkept()));
  await there.get(subject, gives('kept'));
  await there.engine.background.settle();
  clock.advance(9000);
  void there.get(subject, endless);
  await turn();
  const method = jest.fn(gives('not needed'));
  expect(await here.get(subject, method)).toMatchObject({ value: 'kept', how: 'hit' });
  await here.engine.background.settle();

  expect(method).not.toHaveBeenCalled();
});

it('a run without a lease has none to give back', async () => {
  const released = jest.spyOn(here.store, 'releaseLease');
  await run(here, () => Promise.resolve(unkept()));
  expect(released).toHaveBeenCalledTimes(1);

  await run(here, () => Promise.resolve(unkept()));
  expect(released).toHaveBeenCalledTimes(1);
});

it('what names no reason counts, too: a key that a batch has no value for, or what the client did wrong', async () => {
  await run(here, () => Promise.resolve({ value: 'missing', isShareable: true }));

  expect(await waitsForOthers()).toBe(false);
});

it('each such answer counts anew', async () => {
  for (let n = 0; n < 2; n++) {
    await run(here, () => Promise.resolve(unkept()));
    clock.advance(59_999);
  }

  expect(await waitsForOthers()).toBe(false);
});

it('an answer that is kept ends it', async () => {
  await run(here, () => Promise.resolve(unkept()));
  await here.get(subject, gives('kept'));
  await here.engine.background.settle();
  clock.advance(10_001);

  expect(await waitsForOthers()).toBe(true);
});

it.each<[string, () => Promise<Produced<string>>]>([
  ['a run that failed', () => Promise.reject(new Error('the source is down'))],
  ['one that was made of something stale', () => Promise.resolve(unkept('stale-inside'))],
  ['one within a transaction of its caller', () => Promise.resolve(unkept('in-transaction'))],
  [
    'one whose caller was refused',
    () => Promise.resolve({ value: 'refused', isShareable: false, isRefused: true }),
  ],
])('%s says nothing of the next', async (_, method) => {
  await run(here, method).catch(() => undefined);

  expect(await waitsForOthers()).toBe(true);
});

it.each([
  ['this', () => here],
  ['another', () => there],
])('an answer that an invalidation by %s process has overtaken says nothing of the next', async (_, who) => {
  await run(here, async () => {
    await who().engine.invalidate([course]);
    return unkept();
  });

  expect(await waitsForOthers()).toBe(true);
});

it('says nothing of other keys', async () => {
  await run(here, () => Promise.resolve(unkept()), aSubject({}, 'view|/2'));

  expect(await waitsForOthers()).toBe(true);
});

it('no more than ten thousand are remembered, the newest', () => {
  const remembered = new HitForMiss(clock);
  const view = (n: number) => aSubject({}, `view|/${n}`);
  for (let n = 0; n <= 10_000; n++) remembered.note(view(n), unkept());

  expect([0, 1, 10_000].map((n) => remembered.appliesTo(view(n)))).toEqual([false, true, true]);
});
