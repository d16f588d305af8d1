import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { isMeasuring } from './figures.js';

export interface ReadyProxy {
  readonly url: string;
  /** Resolves once so many servers are ready. */
  until(ready: number, withinMs: number): Promise<void>;
  close(): Promise<void>;
}

const PROBE_MS = 100;

/**
 * What stands before the processes of a service: gives each new connection to the next of those that say they are
 * ready, and asks them ten times a second. It never tries again: what a server breaks is the client's to see.
 *
 * @param servers  ports of 127.0.0.1
 */
export async function startReadyProxy(servers: readonly number[]): Promise<ReadyProxy> {
  let ready: readonly number[] = [];
  let next = 0;
  const over = new AbortController();
  const sockets = new Set<Socket>();

  const probing = (async () => {
    while (!over.signal.aborted) {
      const answers = await Promise.all(servers.map(isReady));
      ready = servers.filter((_, n) => answers[n]);
      await wait(PROBE_MS);
    }
  })();
  const server = createServer((client) => {
    const port = ready[next++ % ready.length];
    if (port === undefined) {
      client.destroy();
      return;
    }
    const upstream = connect({ port, host: '127.0.0.1' });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.setNoDelay();
      sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy()).on('close', () => sockets.delete(one));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    async until(count, withinMs) {
      const deadline = performance.now() + withinMs;
      while (ready.length !== count) {
        if (performance.now() > deadline) throw new Error(`${ready.length} of ${count} are ready`);
        await wait(PROBE_MS / 2);
      }
    },
    async close() {
      over.abort();
      await probing;
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function isReady(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/health/ready`, {
    signal: AbortSignal.timeout(isMeasuring ? 1000 : 10_000),
  }).catch(() => undefined);
  await answer?.body?.cancel();
  return answer?.status === 200;
}
