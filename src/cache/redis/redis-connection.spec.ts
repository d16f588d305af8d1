import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { systemClock } from '../engine/clock.js';
import { RedisConnection } from './redis-connection.js';

it('is closed at once, also while a server keeps it waiting', async () => {
  // It never answers the greeting of TLS.
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const login = { tls: true, username: undefined, password: undefined, database: 0, clientName: 'test' };
  const minute = 60_000;
  const connection = new RedisConnection({
    locate: () => Promise.resolve({ ...login, host: '127.0.0.1', port }),
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
  await once(server, 'connection');

  await connection.close();

  server.close();
}, 5000);
