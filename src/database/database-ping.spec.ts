import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { DataSource } from 'typeorm';
import type { DatabaseConnection } from './database-connection.js';
import { DatabasePing } from './database-ping.js';

const authenticated = Buffer.from('R\0\0\0\x08\0\0\0\0', 'latin1');
const ready = Buffer.from('Z\0\0\0\x05I', 'latin1');
const selected = Buffer.from('C\0\0\0\x0dSELECT 1\0', 'latin1');

it('does not wait for a server that has fallen silent when the service ends', async () => {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.once('data', () => {
      socket.write(Buffer.concat([authenticated, ready]));
      socket.once('data', () => socket.write(Buffer.concat([selected, ready])));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `postgres://app@127.0.0.1:${String((server.address() as AddressInfo).port)}/app`;
  const dataSource = { options: { type: 'postgres', url } } as DataSource;
  const ping = new DatabasePing(dataSource, { isReady: true } as DatabaseConnection);

  expect(await ping.isAnswering()).toBe(true);
  await ping.onApplicationShutdown();

  for (const socket of sockets) socket.destroy();
  server.close();
});
