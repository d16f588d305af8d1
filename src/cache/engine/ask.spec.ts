import { asking } from './ask.js';
import { Budget } from './budget.js';
import type { CacheEvent } from './cache-events.js';
import { systemClock } from './clock.js';
import type { EntryStore } from './entry-store.js';
import type { Subject } from './subject.js';

const subject = { prefix: 'book' } as Subject;

describe('a question to the store', () => {
  it.each([
    ['rejects', () => Promise.reject(new Error('no answer'))],
    [
      'throws at once',
      () => {
        throw new Error('no question');
      },
    ],
  ])('that %s is told, has no answer, and is the last one of its request', async (_, question) => {
    const told: CacheEvent[] = [];
    const ask = asking({ isAvailable: true } as EntryStore, (event) => told.push(event));
    const budget = new Budget(systemClock, 50);

    expect(await ask(subject, budget, question)).toBeUndefined();
    expect(await ask(subject, budget, () => Promise.resolve('an answer'))).toBeUndefined();

    expect(told.map(({ event }) => event)).toEqual(['cache.get_error']);
    expect(budget.leftMs).toBe(0);
  });

  it('that is answered leaves what it has not taken', async () => {
    let nowMs = 0;
    const clock = { ...systemClock, monotonicMs: () => nowMs };
    const ask = asking({ isAvailable: true } as EntryStore, () => undefined);
    const budget = new Budget(clock, 50);

    const asked = await ask(subject, budget, () => {
      nowMs = 30;
      return Promise.resolve('an answer');
    });
    nowMs = 1000;

    expect(asked).toEqual({ answer: 'an answer' });
    expect(budget.leftMs).toBe(20);
  });
});
