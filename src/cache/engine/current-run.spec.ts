import { deferred } from '../../../test/support/deferred.js';
import { CurrentRun } from './current-run.js';

const owner = {};

it('what goes on when the run that began it is over is still a part of the one around that', async () => {
  const goOn = deferred();
  let seen: CurrentRun | undefined;
  let later: Promise<void> | undefined;

  await CurrentRun.make({ owner, keyText: 'outer', isShared: true }, async (outer) => {
    await CurrentRun.make({ owner, keyText: 'inner', isShared: true }, () => {
      later = goOn.promise.then(() => {
        seen = CurrentRun.around;
      });
      return Promise.resolve();
    });
    goOn.resolve();
    await later;

    expect(seen).toBe(outer);
  });
});

it('what a run calls is of that and of all around it, for one engine, and no longer than they last', async () => {
  const runOf = <T>(keyText: string, run: (own: CurrentRun) => Promise<T>) =>
    CurrentRun.make({ owner, keyText, isShared: true }, run);
  const isOf = (run: CurrentRun) => ['outer', 'inner', 'another'].map((keyText) => run.isOf(owner, keyText));

  const inner = await runOf('outer', () =>
    runOf('inner', (own) => {
      expect(isOf(own)).toEqual([true, true, false]);
      expect(own.isOf({}, 'outer')).toBe(false);
      return Promise.resolve(own);
    }),
  );

  expect(isOf(inner)).toEqual([false, false, false]);
});

it('what spoils a run spoils those around it, but for one that is exempt and those around that; and what is nobody else’s stays so', async () => {
  const runOf = <T>(run: (own: CurrentRun) => Promise<T>) =>
    CurrentRun.make({ owner, keyText: 'view', isShared: true }, run);

  await runOf((outer) =>
    runOf((middle) =>
      runOf((inner) => {
        const spoiled = () => [outer, middle, inner].map(({ spoiledBy }) => spoiledBy);
        outer.spoil('in-transaction', middle);
        inner.spoil('stale-inside', middle);
        expect(spoiled()).toEqual([undefined, undefined, 'stale-inside']);

        for (const reason of ['stale-inside', 'in-transaction'] as const) {
          inner.spoil(reason);
          expect(spoiled()).toEqual([reason, reason, reason]);
        }
        inner.spoil('stale-inside');
        expect(spoiled()).toEqual(['in-transaction', 'in-transaction', 'in-transaction']);
        return Promise.resolve();
      }),
    ),
  );
});

it('a run and those around it note the oldest token of all that was used, and none that only tells of other tags', async () => {
  const [tag, family] = ['tag/book:1', 'family/book'];

  await CurrentRun.make({ owner, keyText: 'outer', isShared: true }, (outer) =>
    CurrentRun.make({ owner, keyText: 'inner', isShared: false }, (inner) => {
      for (const token of ['old.soft', 'new.soft'])
        inner.noteUsed(new Map([tag, family].map((used) => [used, token])));

      for (const run of [outer, inner]) {
        expect([...run.used]).toEqual([[tag, 'old.soft']]);
        expect(run.shared).toBe(outer);
      }
      return Promise.resolve();
    }),
  );
});
