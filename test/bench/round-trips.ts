import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

const PING = Buffer.from('*1\r\n$4\r\nPING\r\n');

/**
 * Stands between a client and a server of this machine and counts the round trips: how often a client spoke when the
 * server had the last word on that connection. What is sent together, or before an answer has come, is one. Heartbeats
 * are none.
 */
export async function startRoundTripCounter(
  targetPort: number,
): Promise<{ port: number; count: () => number; close: () => void }> {
  const sockets = new Set<Socket>();
  let trips = 0;
  const server = createServer((incoming) => {
    const outgoing = connect(targetPort, '127.0.0.1');
    let isClientsTurn = true;
    incoming.on('data', (chunk: Buffer) => {
      if (chunk.equals(PING)) return;
      if (isClientsTurn) trips++;
      isClientsTurn = false;
    });
    outgoing.on('data', () => (isClientsTurn = true));
    for (const [own, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(own);
      own.setNoDelay(true);
      own.pipe(other);
      own.on('error', () => other.destroy());
      own.on('close', () => {
        sockets.delete(own);
        other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    count: () => trips,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
