import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Connections accepted so far that are still open, oldest first. */
  connections(): number;
  /** Holds back everything on the n-th of them, both ways, without closing it: what a half-open connection looks like. */
  silence(index: number): void;
  close(): Promise<void>;
}

/**
 * Passes bytes on to a port of this machine, and stops doing so where a test wants it.
 *
 * @param port  to listen on; default: a free one. The same again after `close` is a server that came back.
 */
export async function startTcpProxy(targetPort: number, port = 0): Promise<TcpProxy> {
  const pairs: (readonly [Socket, Socket])[] = [];
  const server = createServer((incoming) => {
    const outgoing = connect(targetPort, '127.0.0.1');
    const pair = [incoming, outgoing] as const;
    pairs.push(pair);
    incoming.pipe(outgoing);
    outgoing.pipe(incoming);
    for (const [own, other] of [pair, [outgoing, incoming] as const]) {
      own.on('error', () => other.destroy());
      own.on('close', () => {
        other.destroy();
        if (pairs.includes(pair)) pairs.splice(pairs.indexOf(pair), 1);
      });
    }
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => pairs.length,
    silence(index) {
      const [incoming, outgoing] = pairs[index]!;
      incoming.unpipe(outgoing);
      outgoing.unpipe(incoming);
    },
    async close() {
      for (const socket of pairs.flat()) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
