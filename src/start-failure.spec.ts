import { once } from 'node:events';
import { createServer } from 'node:net';
import { startFailure } from './start-failure.js';

async function failureOf(port: number, host: string): Promise<unknown> {
  const [error] = (await once(createServer().listen(port, host), 'error').catch((error: unknown) => [
    error,
  ])) as [unknown];
  return error;
}

it.each([
  ['nope.invalid', 'There is no address for the name nope.invalid: set HOST, for example HOST=0.0.0.0.'],
  ['192.0.2.1', 'This machine has no address 192.0.2.1: set HOST, for example HOST=0.0.0.0.'],
])('what the service cannot listen on, such as HOST=%s, is told in one line', async (host, line) => {
  expect(startFailure(await failureOf(0, host))).toBe(line);
});
