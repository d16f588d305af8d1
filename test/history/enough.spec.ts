import { isEnough } from './enough.js';
import { routeNames } from './routes.js';

const wanted = { reads: 1000, readsPerWrite: 100 };
const findings = { stale: 0, order: 0, future: 0, crossing: 0 };
const routes = routeNames.map((name) => ({ name, reads: 200, hits: 150, findings }));
const seen = { reads: 1000, writes: 10, hits: 750, routes };

it.each([
  ['everything', seen, true],
  ['too few reads', { ...seen, reads: 999 }, false],
  ['too few hits', { ...seen, hits: 200 }, false],
  ['a route without hits', { ...seen, routes: [{ ...routes[0]!, hits: 0 }, ...routes.slice(1)] }, false],
  ['no write that was acknowledged', { ...seen, writes: 0 }, false],
  ['far fewer of them than go with the reads', { ...seen, writes: 2 }, false],
])('%s', (_, history, isIt) => {
  expect(isEnough(history, wanted)).toBe(isIt);
});
