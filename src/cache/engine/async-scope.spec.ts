import { deferred, type Deferred } from '../../../test/support/deferred.js';
import { FakeClock } from '../testing/index.js';
import { AsyncScope } from './async-scope.js';

describe('AsyncScope', () => {
  it('holds for all that a piece of work calls, until it settles, whoever else ends meanwhile', async () => {
    const scope = new AsyncScope<string>();
    const [first, second] = [deferred(), deferred()];
    const ask = async (gate: Deferred<void>) => {
      await gate.promise;
      return scope.current;
    };
    const works = [scope.run('first', () => ask(first)), scope.run('second', () => ask(second))];
    first.resolve();
    expect(await works[0]).toBe('first');
    expect(scope.current).toBeUndefined();
    second.resolve();
    expect(await works[1]).toBe('second');
  });

  it('gives the innermost, and the outer one again behind it', async () => {
    const scope = new AsyncScope<string>();
    const seen = await scope.run('outer', async () => {
      const part = scope.runPart('part', () => scope.current);
      const inner = await scope.run('inner', async () => Promise.resolve(scope.current));
      return [part, inner, scope.current];
    });
    expect(seen).toEqual(['part', 'inner', 'outer']);
  });

  it('holds for what a piece of work has begun that outlives it, for a while, and no longer where that slows a process', async () => {
    const clock = new FakeClock();
    const scope = new AsyncScope<string>();
    const gates = [deferred(), deferred(), deferred()] as const;
    const known = scope.run('first', async () => {
      const seen = gates.map(({ promise }) => promise.then(() => scope.current));
      scope.linger(clock, 100);
      clock.advance(99);
      scope.linger(clock, 100);
      return Promise.resolve({ seen });
    });
    const { seen } = await known;

    gates[0].resolve();
    expect(await seen[0]).toBe('first');
    clock.advance(99);
    gates[1].resolve();
    expect(await seen[1]).toBe('first');
    clock.advance(1);
    gates[2].resolve();
    const isFree = Number(process.versions.node.split('.')[0]) >= 24;
    expect(await seen[2]).toBe(isFree ? 'first' : undefined);
  });

  it('ends also when the work fails, and can begin again', async () => {
    const scope = new AsyncScope<string>();
    const failed = scope.run('first', () => Promise.reject(new Error('no')));
    await expect(failed).rejects.toThrow('no');
    expect(await scope.run('second', () => Promise.resolve(scope.current))).toBe('second');
  });
});
