import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { startRoundTripCounter } from './round-trips.js';

it('counts a round trip when the client speaks after the server, however much it says', async () => {
  // Answers once to every full stop.
  const server = createServer((socket) => {
    socket.on('data', (chunk) => {
      if (chunk.toString().endsWith('.')) socket.write('+');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const counter = await startRoundTripCounter((server.address() as AddressInfo).port);
  const client = connect(counter.port, '127.0.0.1');

  client.write('one.');
  await once(client, 'data');
  const afterOne = counter.count();
  client.write('two, ');
  client.write('in two pieces.');
  await once(client, 'data');

  expect([afterOne, counter.count()]).toEqual([1, 2]);
  client.destroy();
  counter.close();
  server.close();
});
