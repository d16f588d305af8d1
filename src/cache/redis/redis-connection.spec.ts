import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { systemClock } from '../engine/clock.js';
import type { RedisAddress } from './redis-address.js';
import { RedisConnection } from './redis-connection.js';

const minute = 60_000;

const connectionTo = (locate: () => Promise<RedisAddress>) =>
  new RedisConnection({
    locate,
    timings: {
      connectTimeoutMs: minute,
      heartbeatMs: minute,
      silenceLimitMs: minute,
      slowMs: minute,
      maxBackoffMs: minute,
    },
    clock: systemClock,
    beforeUse: () => Promise.resolve(),
    onReady: () => undefined,
    onLost: () => undefined,
  });

describe('a connection that is not made yet is closed at once', () => {
  it('while the greeting of TLS is not answered', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const login = { tls: true, username: undefined, password: undefined, database: 0, clientName: 'test' };
    const connection = connectionTo(() => Promise.resolve({ ...login, host: '127.0.0.1', port }));
    const [socket] = (await once(server, 'connection')) as [Socket];

    await connection.close();

    socket.destroy();
    server.close();
  }, 5000);

  it('while nobody says where the server is', async () => {
    const connection = connectionTo(() => new Promise(() => undefined));

    await connection.close();
  }, 5000);
});
