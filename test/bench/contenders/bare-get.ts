import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RESP_TYPES } from 'redis';
import type { Contender } from '../application.js';
import { bodyOf, pathOf, pathsOf, sizes } from '../bodies.js';
import { connectToRedis } from '../redis.js';

/** Node's own server, without a framework, which sends what one `GET` of Redis brings. */
export function bareGet(description: string): Contender {
  return {
    description,
    async start(redisUrl, name) {
      const client = await connectToRedis(redisUrl);
      for (const size of sizes) {
        for (const id of pathsOf(size).keys())
          await client.set(`${name}:${pathOf(size, id)}`, bodyOf(size, id));
      }
      const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
      const server = createServer((request, response) => {
        void bytes.get(`${name}:${request.url ?? ''}`).then((body) => {
          response.setHeader('content-type', 'application/json; charset=utf-8');
          response.setHeader('content-length', body?.length ?? 0);
          response.end(body);
        });
      });
      await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
      const { port } = server.address() as AddressInfo;
      return {
        url: `http://127.0.0.1:${port}`,
        async close() {
          server.closeAllConnections();
          await new Promise((closed) => server.close(closed));
          await client.close();
        },
      };
    },
  };
}
