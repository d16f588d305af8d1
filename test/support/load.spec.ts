import { setTimeout as wait } from 'node:timers/promises';
import { deferred } from './deferred.js';
import { type Answer, quantileMs, shareOf, underLoad } from './load.js';

const answer = (): Answer => ({ status: 200, cache: 'HIT', atMs: performance.now(), ms: 0 });

describe('a load that does not wait', () => {
  it('asks as often when nothing is answered', async () => {
    const gate = deferred();
    let asked = 0;

    const answers = await underLoad(
      2000,
      async () => {
        asked++;
        await gate.promise;
        return answer();
      },
      async () => {
        while (asked < 200) await wait(1);
        gate.resolve();
      },
    );

    expect(answers).toHaveLength(asked);
  });

  it('counts the time that a call was late', async () => {
    const standStill = () => {
      const until = performance.now() + 100;
      while (performance.now() < until);
    };

    const answers = await underLoad(
      1000,
      () => Promise.resolve(answer()),
      async () => {
        await wait(10);
        standStill();
        await wait(10);
      },
    );

    expect(Math.max(...answers.map(({ ms }) => ms))).toBeGreaterThanOrEqual(90);
    expect(answers.length).toBeGreaterThanOrEqual(100);
  });

  it('fails rather than ask less', async () => {
    const gate = deferred();
    let asked = 0;
    const load = underLoad(
      100_000,
      async () => {
        asked++;
        await gate.promise;
        return answer();
      },
      async () => {
        while (asked < 1000) await wait(1);
        await wait(5);
        gate.resolve();
      },
    );

    await expect(load).rejects.toThrow('not made');
  });
});

it('of no answers nothing is known', () => {
  expect(quantileMs([], 0.99)).toBeNaN();
  expect(shareOf([], 'HIT')).toBeNaN();
});
