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
