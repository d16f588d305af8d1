import { Batch } from './batch.js';
import { CurrentRun } from './engine/current-run.js';

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
});
