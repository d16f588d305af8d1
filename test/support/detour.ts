import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface Detour {
  /** The address it was made for, with the detour in place of the server */
  url: string;
  /** Breaks every connection and refuses new ones. */
  refuse: () => Promise<void>;
  /** Keeps connections open, and passes nothing on any more. */
  hang: () => void;
  /** Passes everything on again; connections that hung are broken. */
  restore: () => Promise<void>;
  close: () => Promise<void>;
}

/** A way to a server that a test can block, to take the server from the service without ending it. */
export async function startDetour(serverUrl: string): Promise<Detour> {
  const { hostname: host, port: targetPort } = new URL(serverUrl);
  const sockets = new Set<Socket>();
  let isHanging = false;
  let server: Server | undefined;

  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
  };
  const accept = (inner: Socket) => {
    track(inner);
    if (isHanging) return;
    const outer = connect({ host, port: Number(targetPort) });
    track(outer);
    inner.pipe(outer).pipe(inner);
    inner.on('close', () => outer.destroy());
    outer.on('close', () => inner.destroy());
  };
  const listen = (port: number) =>
    new Promise<Server>((resolve, reject) => {
      const fresh = createServer(accept).once('error', reject);
      fresh.listen(port, '127.0.0.1', () => {
        resolve(fresh);
      });
    });
  const breakAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  const stop = async () => {
    const stopping = server;
    server = undefined;
    breakAll();
    if (stopping) await new Promise((resolve) => stopping.close(resolve));
  };

  server = await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = new URL(serverUrl);
  url.host = `127.0.0.1:${port}`;
  return {
    url: url.href,
    refuse: stop,
    hang: () => {
      isHanging = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    restore: async () => {
      isHanging = false;
      breakAll();
      server ??= await listen(port);
    },
    close: stop,
  };
}
