import { deferred } from '../../../test/support/deferred.js';
import { SingleFlight } from './single-flight.js';

it('a flight that ends out of reach takes the one that has its place with it nowhere', async () => {
  const flights = new SingleFlight();
  const dependencies = { certain: ['tag/course:1'], witnesses: [] };
  const [first, second] = [deferred<string>(), deferred<string>()];
  const doomed = flights.start('view', dependencies, () => first.promise);
  flights.doom(['tag/course:1']);
  const successor = flights.start('view', dependencies, () => second.promise);

  first.resolve('old');
  await doomed.result;

  expect(doomed.isDoomed).toBe(true);
  expect(flights.find('view')).toBe(successor);
  second.resolve('new');
  await successor.result;
  expect(flights.find('view')).toBeUndefined();
});
