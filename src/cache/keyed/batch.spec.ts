import { Batch } from './batch.js';
import { deferred } from '../../../test/support/deferred.js';
import { CurrentRun } from '../engine/current-run.js';

describe('a load of many', () => {
  const make = <T>(keyText: string, run: (own: CurrentRun) => Promise<T>) =>
    CurrentRun.make({ owner: make, keyText, isShared: true }, run);
  const ask = (batch: Batch<number>, keys: string[]) =>
    Promise.all(
      keys.map((key) =>
        make(key, async (own) => {
          await batch.get(key);
          return own.spoiledBy;
        }),
      ),
    );

  it('spoils what is made of it, each', async () => {
    const batch = new Batch<number>(() => {
      CurrentRun.around?.spoil('stale-inside');
      return new Map([['a', 1]]);
    });

    expect(await ask(batch, ['a', 'b'])).toEqual(['stale-inside', 'stale-inside']);
  });

  it('spoils not what had begun the transaction that it reads in', async () => {
    await make('around', async (around) => {
      const batch = new Batch<number>(() => {
        CurrentRun.around?.spoil('in-transaction', around);
        return new Map([['a', 1]]);
      });

      expect(await ask(batch, ['a', 'b'])).toEqual(['in-transaction', 'in-transaction']);
      expect(around.spoiledBy).toBeUndefined();
    });
  });

  it('knows all who wait for it, also those who came after it had begun', async () => {
    const [begun, go] = [deferred(), deferred()];
    const seen: boolean[] = [];
    const batch = new Batch<number>(async () => {
      begun.resolve();
      await go.promise;
      seen.push(CurrentRun.around?.isOf(make, 'late') ?? false);
      return new Map();
    });
    const first = ask(batch, ['early']);
    await begun.promise;
    const late = ask(batch, ['late']);
    go.resolve();
    await Promise.all([first, late]);

    expect(seen).toEqual([true, true]);
  });

  it('finds out soon who waits for it, however many, level upon level', async () => {
    const keys = Array.from({ length: 30 }, (_, n) => `key ${n}`);
    const nested = async (levels: number): Promise<void> => {
      if (levels === 0) expect(CurrentRun.around?.isOf(make, 'nobody')).toBe(false);
      else await ask(new Batch(async () => nested(levels - 1).then(() => new Map())), keys);
    };

    await nested(7);
  });
});
