import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { startFailure } from './start-failure.js';

it.each([
  ['nope.invalid', 'There is no address for the name nope.invalid: set HOST, for example HOST=0.0.0.0.'],
  ['192.0.2.1', 'This machine has no address 192.0.2.1: set HOST, for example HOST=0.0.0.0.'],
])('what the service cannot listen on, such as HOST=%s, is told in one line', async (host, line) => {
  const [error] = (await once(createServer().listen(0, host), 'error')) as [unknown];

  expect(startFailure(error)).toBe(line);
});

it('a port that another program listens on is told in one line', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;

  const [error] = (await once(createServer().listen(port, '127.0.0.1'), 'error')) as [unknown];

  other.close();
  expect(startFailure(error)).toBe(
    `Port ${port} is busy: stop what listens there, or set PORT to another, for example PORT=8001.`,
  );
});
