import { once } from 'node:events';
import { createServer } from 'node:net';
import { startFailure } from './start-failure.js';

it.each([
  ['nope.invalid', 'There is no address for the name nope.invalid: set HOST, for example HOST=0.0.0.0.'],
  ['192.0.2.1', 'This machine has no address 192.0.2.1: set HOST, for example HOST=0.0.0.0.'],
])('what the service cannot listen on, such as HOST=%s, is told in one line', async (host, line) => {
  const [error] = (await once(createServer().listen(0, host), 'error')) as [unknown];

  expect(startFailure(error)).toBe(line);
});
