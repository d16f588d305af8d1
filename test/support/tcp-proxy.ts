import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Connections accepted so far that are still open, oldest first. */
  connections(): number;
  /** Holds back everything on the n-th of them, both ways, without closing it: what a half-open connection looks like. */
  silence(index: number): void;
  /** From now on everything arrives so many milliseconds late, on connections that are open, too. */
  delay(ms: number): void;
  close(): Promise<void>;
}

/**
 * Passes bytes on to a port of this machine, and stops doing so where a test wants it.
 *
 * @param port  to listen on; default: a free one. The same again after `close` is a server that came back.
 */
export async function startTcpProxy(targetPort: number, port = 0): Promise<TcpProxy> {
  const pairs: (readonly [Socket, Socket])[] = [];
  let delayMs = 0;
  /** Each byte arrives late, none before an earlier one. */
  const forward = (from: Socket, to: Socket) => {
    const waiting: { readonly chunk: Buffer; readonly dueMs: number }[] = [];
    const pass = () => {
      while (waiting[0] && waiting[0].dueMs <= performance.now()) to.write(waiting.shift()!.chunk);
      if (waiting[0]) setTimeout(pass, waiting[0].dueMs - performance.now());
    };
    from.on('data', (chunk: Buffer) => {
      waiting.push({ chunk, dueMs: performance.now() + delayMs });
      if (waiting.length === 1) pass();
    });
  };
  const server = createServer((incoming) => {
    const outgoing = connect(targetPort, '127.0.0.1');
    const pair = [incoming, outgoing] as const;
    pairs.push(pair);
    forward(incoming, outgoing);
    forward(outgoing, incoming);
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
      for (const socket of pairs[index]!) socket.pause();
    },
    delay(ms) {
      delayMs = ms;
    },
    async close() {
      for (const socket of pairs.flat()) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
