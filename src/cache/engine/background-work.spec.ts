import { deferred, turn } from '../../../test/support/deferred.js';
import { BackgroundWork } from './background-work.js';

it('background work is settled once all of it has ended, also what it has begun itself and what has failed', async () => {
  const background = new BackgroundWork();
  const [first, second] = [deferred(), deferred()];
  background.addUnheard(Promise.reject(new Error('unheard')));
  background.add(
    first.promise.then(() => {
      background.add(second.promise);
    }),
  );
  let isSettled = false;
  const settling = background.settle().then(() => (isSettled = true));

  first.resolve();
  await turn();
  expect(isSettled).toBe(false);
  second.resolve();
  await settling;
});
