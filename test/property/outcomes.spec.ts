import { type INestApplication, Injectable } from '@nestjs/common';
import fc from 'fast-check';
import { Cached, CacheService } from '../../src/cache/index.js';
import { FakeClock, simulateInstances } from '../../src/cache/testing/index.js';
import { startCachedApp } from '../support/cached-app.js';
import { turn } from '../support/deferred.js';
import { figure } from '../support/figures.js';

/** Seconds that a caller waits for the method; and how long the clock goes on at most before something has to be there. */
const [HARD_TIMEOUT_S, LONG_MS] = [5, 20_000];
const STEP_MS = 50;

interface Outcome {
  readonly give: () => unknown;
  /** What a caller is given: a value or, of an error, its code or message. */
  readonly given: unknown;
  readonly isKept: boolean;
}

const cycle: Record<string, unknown> = {};
cycle.itself = cycle;
const failure = new Error('source failed');

const outcomes: Readonly<Record<string, Outcome>> = {
  throws: {
    give: () => {
      throw failure;
    },
    given: failure.message,
    isKept: false,
  },
  rejects: { give: () => Promise.reject(failure), given: failure.message, isKept: false },
  'never settles': {
    give: () => new Promise(() => undefined),
    given: 'CACHE_FACTORY_TIMED_OUT',
    isKept: false,
  },
  'gives what contains itself': { give: () => Promise.resolve(cycle), given: cycle, isKept: false },
  'gives a function': { give: () => Promise.resolve({ call: turn }), given: { call: turn }, isKept: false },
  // These have a stored form, and come back as they were.
  'gives undefined': { give: () => Promise.resolve(undefined), given: undefined, isKept: true },
  'gives NaN': { give: () => Promise.resolve(NaN), given: NaN, isKept: true },
  'gives a bigint': { give: () => Promise.resolve(1n), given: 1n, isKept: true },
};

let runs = 0;
let give: () => unknown;

@Injectable()
class Answers {
  @Cached({ ttl: 600, prefix: 'answer', tags: ['answer:{0}'], hardTimeout: HARD_TIMEOUT_S })
  answer(_key: string): Promise<unknown> {
    runs++;
    return give() as Promise<unknown>;
  }
}

let app: INestApplication;
let clock: FakeClock;
let answers: Answers;

beforeAll(async () => {
  clock = new FakeClock();
  const [instance] = simulateInstances(1, clock);
  ({ app } = await startCachedApp({ providers: [Answers], options: { ...instance } }));
  answers = app.get(Answers);
});

afterAll(async () => {
  let isClosed = false;
  const closing = app.close().finally(() => (isClosed = true));
  // It waits for runs that never end for a while of this clock.
  await inTime(() => isClosed);
  await closing;
});

/** Lets go on what needs no time. */
async function quiet(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await turn();
}

/** Lets the clock go on until that is so. */
async function inTime(isSo: () => boolean): Promise<void> {
  for (let ms = 0; !isSo() && ms < LONG_MS; ms += STEP_MS) {
    await quiet();
    if (!isSo()) clock.advance(STEP_MS);
  }
  expect(isSo()).toBe(true);
}

/** What a caller is given in the end. What is kept is kept by then, too. */
async function ask(key: string): Promise<unknown> {
  let isThere = false;
  const asked = answers
    .answer(key)
    .catch((error: unknown) => {
      const { code, message } = error as { code?: string; message: string };
      return code ?? message;
    })
    .finally(() => (isThere = true));
  await inTime(() => isThere);
  await quiet();
  return asked;
}

it('F57: whatever a method does, what has no stored form is kept for nobody, and the next call runs', async () => {
  let keys = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...Object.keys(outcomes)), { minLength: 1, maxLength: 5 }),
      async (names) => {
        const key = String(keys++);
        for (const name of names) {
          const { give: one, given, isKept } = outcomes[name]!;
          give = one;
          const before = runs;
          const all = await Promise.all([ask(key), ask(key)]);
          expect([name, ...all]).toEqual([name, given, given]);
          expect(runs).toBeGreaterThan(before);

          give = () => Promise.resolve('next');
          const until = runs;
          expect([name, await ask(key)]).toEqual([name, isKept ? given : 'next']);
          expect([name, runs - until]).toEqual([name, isKept ? 0 : 1]);
          await app.get(CacheService).invalidate(`answer:${key}`);
        }
      },
    ),
    { numRuns: 40, examples: [[Object.keys(outcomes)]] },
  );
  figure('F57', 'keys asked for, with one to five outcomes each', keys, { atLeast: 40 });
});
