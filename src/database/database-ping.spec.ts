import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { DataSource } from 'typeorm';
import type { DatabaseConnection } from './database-connection.js';
import { DatabasePing } from './database-ping.js';

const authenticated = Buffer.from('R\0\0\0\x08\0\0\0\0', 'latin1');
const ready = Buffer.from('Z\0\0\0\x05I', 'latin1');
/** The class and the words do not matter, the SQLSTATE does. */
const refusal = (code: string) => {
  const fields = `SFATAL\0C${code}\0Mno\0\0`;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(4 + fields.length);
  return Buffer.concat([Buffer.from('E'), length, Buffer.from(fields)]);
};
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

describe('when the server lets no further connection in', () => {
  async function answering(code: string, query: () => Promise<unknown>): Promise<[boolean, asked: number]> {
    const server = createServer((socket) => {
      socket.once('data', () => socket.end(refusal(code)));
      socket.on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `postgres://app@127.0.0.1:${String((server.address() as AddressInfo).port)}/app`;
    const asked = jest.fn(query);
    const dataSource = { options: { type: 'postgres', url }, query: asked } as unknown as DataSource;
    const isAnswering = await new DatabasePing(dataSource, {
      isReady: true,
    } as DatabaseConnection).isAnswering();
    server.close();
    return [isAnswering, asked.mock.calls.length];
  }

  const answered = () => Promise.resolve([]);

  it('asks through the pool, which may have its own', async () => {
    expect(await answering('53300', answered)).toEqual([true, 1]);
    expect(await answering('53300', () => Promise.reject(new Error('all are in use')))).toEqual([false, 1]);
  });

  it('waits no longer for the pool than for a connection of its own', async () => {
    const begunAt = performance.now();

    expect(await answering('53300', () => new Promise(() => undefined))).toEqual([false, 1]);
    expect(performance.now() - begunAt).toBeLessThan(2000);
  });

  it.each(['57P01', '57P03'])(
    'does not ask through the pool while the server starts or stops: %s',
    async (code) => {
      expect(await answering(code, answered)).toEqual([false, 0]);
    },
  );
});
