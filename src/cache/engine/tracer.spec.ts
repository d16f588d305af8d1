import { guarded, type Tracer } from './tracer.js';

describe('a tracer', () => {
  const broken: Record<string, Tracer['load']> = {
    'that throws at once': () => {
      throw new Error('tracer');
    },
    'that never runs what it is given': () => Promise.resolve(undefined as never),
    'that fails afterwards': async (_prefix, _reason, run) => {
      await run();
      throw new Error('tracer');
    },
    'that runs it twice': (_prefix, _reason, run) => run().then(run),
    'that never comes to an end': async (_prefix, _reason, run) => {
      await run();
      return new Promise(() => undefined);
    },
    'that neither runs it nor comes to an end': () => new Promise(() => undefined),
    'that begins late': async (_prefix, _reason, run) => {
      await Promise.resolve();
      return run();
    },
    'that has something else to do first': async (_prefix, _reason, run) => {
      const work = run();
      await new Promise((resolve) => setImmediate(resolve));
      return work;
    },
    'that gives something else': (_prefix, _reason, run) => run().then(() => 'other' as never),
  };

  it.each(Object.entries(broken))('%s changes nothing', async (_, load) => {
    const tracer = guarded({ load, invalidate: (tags, run) => load(tags.join(), 'miss', run) });
    const run = jest.fn(() => Promise.resolve('done'));
    const fails = jest.fn(() => Promise.reject(new Error('work')));

    expect(await tracer.load('view', 'miss', run)).toBe('done');
    expect(await tracer.invalidate(['tag/book:1'], run)).toBe('done');
    await expect(tracer.load('view', 'miss', fails)).rejects.toThrow('work');
    expect(run).toHaveBeenCalledTimes(2);
    expect(fails).toHaveBeenCalledTimes(1);
  });
});
