import { deferred, turn } from '../../../test/support/deferred.js';
import {
  aSubject,
  course,
  gives,
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

beforeEach(() => {
  clock = new FakeClock();
  ({ here } = testEngines(clock));
});

describe('while the store is away', () => {
  const bulkhead = { concurrency: 1, maxWaiting: 1, maxWaitMs: 1000 };

  beforeEach(() => {
    here.store.fail();
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

  it('a run that fails was not refused', async () => {
    const narrow = testEngine(here, { bulkhead });

    await expect(narrow.get(subject, () => Promise.reject(new Error('no')))).rejects.toThrow('no');

    expect(narrow.events.map(({ event }) => event)).not.toContain('cache.overloaded');
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
      narrow.engine.inOnePlace(() =>
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
      narrow.engine.inOnePlace(async () => {
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

  it('work inside a run that asks for many things together has the place of the run', async () => {
    const narrow = testEngine(here, { bulkhead });
    const many = () =>
      narrow.engine.inOnePlace(() =>
        Promise.all(['1', '2'].map((n) => narrow.get(aSubject({}, `view|/${n}`), gives(n)))),
      );

    const answer = narrow.get(aSubject({}, 'view|/outer'), async () =>
      (await many()).map(({ value }) => value).join(),
    );

    await pass(clock, 1000);
    expect((await answer).value).toBe('1,2');
  });

  it('a run keeps the place of the work that began it, also when that has ended', async () => {
    const narrow = testEngine(here, { bulkhead });
    const [begun, ready] = [deferred<undefined>(), deferred<undefined>()];
    const inner = () => narrow.get(aSubject({}, 'view|/inner'), gives('inner'));
    let outer: Promise<{ value: string }> | undefined;
    await narrow.engine.inOnePlace(() => {
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

  it('a run that never ends has a place for ten seconds at most', async () => {
    const narrow = testEngine(here, { bulkhead });
    void narrow.get(subject, () => new Promise<never>(() => undefined));
    await turn();
    await pass(clock, 9500);
    const run = jest.fn(gives('done'));
    const waiting = narrow.get(aSubject({}, 'view|/2'), run);
    await turn();
    await pass(clock, 490);
    expect(run).not.toHaveBeenCalled();
    await pass(clock, 20);

    expect((await waiting).value).toBe('done');
  });

  it('a run that ends after ten seconds takes from nobody the place that it had', async () => {
    const narrow = testEngine(here, { bulkhead });
    const [late, ready] = [deferred<string>(), deferred<string>()];
    const first = narrow.get(subject, () => late.promise);
    await turn();
    await pass(clock, 10_000);
    const second = narrow.get(aSubject({}, 'view|/2'), () => ready.promise);
    await turn();
    late.resolve('late');
    expect((await first).value).toBe('late');
    const run = jest.fn(gives('third'));
    const third = narrow.get(aSubject({}, 'view|/3'), run);
    await turn();

    expect(run).not.toHaveBeenCalled();
    ready.resolve('second');
    expect((await second).value).toBe('second');
    expect((await third).value).toBe('third');
  });

  it('what a run of over ten seconds calls is refused while another has its place, and not after that', async () => {
    const narrow = testEngine(here, { bulkhead: { ...bulkhead, concurrency: 1, maxWaiting: 0 } });
    const inner = () => narrow.get(aSubject({}, 'view|/inner'), gives('inner'));
    const [ready, goOn] = [deferred<string>(), deferred()];
    const refused: unknown[] = [];
    const outer = narrow.get(subject, async () => {
      await pause(clock, 11_000);
      refused.push(await inner().catch((error: unknown) => error));
      await goOn.promise;
      return (await inner()).value;
    });
    await turn();
    await pass(clock, 10_500);
    const second = narrow.get(aSubject({}, 'view|/2'), () => ready.promise);
    await turn();
    await pass(clock, 600);
    expect(refused).toMatchObject([{ code: 'CACHE_OVERLOADED' }]);
    ready.resolve('second');
    await second;
    goOn.resolve();

    expect((await outer).value).toBe('inner');
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

  it('a run inside a run does not wait for two that wait for a place and were overtaken', async () => {
    const narrow = testEngine(here, { bulkhead: { ...bulkhead, maxWaiting: 2 } });
    const inner = () => narrow.get(aSubject({}, 'view|/inner'), gives('inner'));
    const ready = deferred();
    const outer = narrow.get(aSubject({}, 'view|/outer'), async () => {
      await ready.promise;
      return (await inner()).value;
    });
    await turn();
    const waiting = [];
    for (let begun = 0; begun < 2; begun++) {
      waiting.push(inner());
      await turn();
      await narrow.engine.invalidate([course]);
    }
    ready.resolve();

    expect((await outer).value).toBe('inner');
    expect((await Promise.all(waiting)).map(({ value }) => value)).toEqual(['inner', 'inner']);
  });

  it.each([
    ['a run that waits', 1],
    ['two that wait, and were overtaken,', 2],
  ])(
    'work that asks for many things together does not wait for %s for the place it has got meanwhile',
    async (_, runs) => {
      const narrow = testEngine(here, { bulkhead: { ...bulkhead, maxWaiting: 2 } });
      here.store.restore();
      here.store.delay(100, 'open');
      const hot = () => narrow.get(aSubject({}, 'view|/hot'), gives('hot'));
      const opening = [];
      for (let begun = 0; begun < runs; begun++) {
        opening.push(hot());
        await turn();
        if (runs > 1) await narrow.engine.invalidate([course]);
      }
      here.store.fail();

      const together = narrow.engine.inOnePlace(() =>
        Promise.all([narrow.get(subject, gives('own')), hot()]),
      );
      await pass(clock, 100);

      expect((await together).map(({ value }) => value)).toEqual(['own', 'hot']);
      expect((await Promise.all(opening)).map(({ value }) => value)).toEqual(Array(runs).fill('hot'));
    },
  );

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
