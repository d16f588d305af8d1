import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { ShutdownState } from './shutdown-state.js';

/** Three requests in one write, of which none is answered. */
async function unanswered(state: ShutdownState) {
  const responses: ServerResponse[] = [];
  const server = createServer();
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const received = new Promise<void>((resolve) => {
    server.on('request', (_, response) => {
      state.tellOfStop(response);
      if (responses.push(response) === 3) resolve();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3));
  const [[connection]] = await Promise.all([connected, received]);
  return { responses, server, client, connection };
}

it('has all answers that are not out yet say that their connection closes', async () => {
  const state = new ShutdownState();
  const { responses, server, client } = await unanswered(state);

  state.begin();

  expect(responses.map(({ shouldKeepAlive }) => shouldKeepAlive)).toEqual([false, false, false]);
  client.destroy();
  server.close();
});

it('forgets answers that wait behind another on a connection that breaks off', async () => {
  const state = new ShutdownState();
  const { responses, server, client, connection } = await unanswered(state);
  const closed = new Promise((resolve) => connection.once('close', resolve));
  client.resetAndDestroy();
  await closed;

  // Which tells those that are known yet.
  state.begin();

  expect(responses.map(({ shouldKeepAlive }) => shouldKeepAlive)).toEqual([true, true, true]);
  server.close();
});
