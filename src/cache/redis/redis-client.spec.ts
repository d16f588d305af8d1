import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { destroy, newClient } from './redis-client.js';

const clientOf = (port: number) => {
  const login = { tls: false, username: undefined, password: undefined, database: 0, clientName: 'test' };
  return newClient({ ...login, host: '127.0.0.1', port }, 1000);
};

it('makes the functions of all commands once, not for each server and each reconnection', () => {
  expect(clientOf(6379).constructor).toBe(clientOf(6380).constructor);
});

it('leaves no connection behind when it is given up while it connects', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const arrived = once(server, 'connection') as Promise<[Socket]>;
  const client = clientOf((server.address() as AddressInfo).port);

  const connecting = client.connect();
  destroy(client);

  await expect(connecting).rejects.toThrow();
  const [socket] = await arrived;
  if (!socket.closed) await once(socket.resume(), 'close');
  server.close();
}, 5000);
