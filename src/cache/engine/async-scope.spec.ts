import { deferred, type Deferred } from '../../../test/support/deferred.js';
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

  it('ends also when the work fails, and can begin again', async () => {
    const scope = new AsyncScope<string>();
    const failed = scope.run('first', () => Promise.reject(new Error('no')));
    await expect(failed).rejects.toThrow('no');
    expect(await scope.run('second', () => Promise.resolve(scope.current))).toBe('second');
  });
});
