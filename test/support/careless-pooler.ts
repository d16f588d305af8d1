import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';

export interface CarelessPooler {
  /** The address it was made for, with the pooler in place of the server. */
  readonly url: string;
  close(): Promise<void>;
}

/** A way to a PostgreSQL that drops what a client asks for as it connects, as PgBouncer does with `ignore_startup_parameters`. */
export async function startCarelessPooler(serverUrl: string): Promise<CarelessPooler> {
  const { hostname, port } = new URL(serverUrl);
  const server = createServer((client) => {
    const database = connect(Number(port), hostname);
    client.once('data', (first) => {
      database.write(withoutLimits(first));
      client.pipe(database);
    });
    database.pipe(client);
    for (const [one, other] of [
      [client, database],
      [database, client],
    ] as const) {
      one.on('error', () => undefined).on('close', () => other.destroy());
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(serverUrl);
  url.host = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    url: url.href,
    close: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

/** Length, version of the protocol, then names and values, each with a zero after it, and one more at the end. */
function withoutLimits(startup: Buffer): Buffer {
  const texts = startup.toString('latin1', 8).split('\0');
  const kept = [];
  for (let at = 0; at + 1 < texts.length; at += 2) {
    const [name = '', value = ''] = texts.slice(at, at + 2);
    if (name !== '' && !name.endsWith('_timeout')) kept.push(name, value);
  }
  const pairs = Buffer.from([...kept, '', ''].join('\0'), 'latin1');
  const head = Buffer.from(startup.subarray(0, 8));
  head.writeInt32BE(pairs.length + head.length);
  return Buffer.concat([head, pairs]);
}
