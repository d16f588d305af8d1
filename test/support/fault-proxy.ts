import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

export interface FaultProxy {
  /** The address it was made for, with the proxy in place of the server. */
  readonly url: string;
  /** Connections that are open now. */
  connections(): number;
  /** The port that the server sees on each of them, oldest first. */
  ports(): (number | undefined)[];
  /** Connections accepted since the start. */
  accepted(): number;
  /** Holds back what the server sends: each piece, or a share of them (0 to 1). Their order stays. */
  delay(ms: number, share?: number): void;
  /** Passes nothing on any more, without closing: on the n-th connection, oldest first, or on all, also new ones. */
  silence(index?: number): void;
  /**
   * Breaks each connection off when the server has sent so many more bytes on it; asked anew for each, also new ones.
   * Node ends a stream before it resets it: who has read what came sees an end, who has not a reset.
   */
  cut(afterBytes: () => number): void;
  /**
   * Resets each connection on which the client sends this text: before the server has it, or when it has done what was
   * asked and answers.
   */
  cutAt(text: string, when: 'before' | 'after'): void;
  /** Passes nothing on any more on each connection on which the client sends this text, from that on. */
  silenceAt(text: string): void;
  /** Puts bytes that the server never sent before the next that it sends, on each connection open now. */
  inject(bytes: string): void;
  /** Breaks every connection and refuses new ones. */
  refuse(): Promise<void>;
  /** No fault any more. Connections that were silent are broken. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

interface Faults {
  isSilent: boolean;
  delayMs: number;
  slowShare: number;
  cutAfterBytes: (() => number) | undefined;
  cutAt: { readonly text: string; readonly when: 'before' | 'after' } | undefined;
  silenceAt: string | undefined;
}

const NONE: Faults = {
  isSilent: false,
  delayMs: 0,
  slowShare: 1,
  cutAfterBytes: undefined,
  cutAt: undefined,
  silenceAt: undefined,
};

/**
 * A way to a server of this machine, with the faults of a network that signals to the server cannot make.
 *
 * @param listenOn  port. Default: a free one; that of a proxy which was closed leads those who used it elsewhere
 */
export async function startFaultProxy(serverUrl: string, listenOn = 0): Promise<FaultProxy> {
  const { hostname: host, port: serverPort } = new URL(serverUrl);
  const links = new Set<Link>();
  const faults = { ...NONE };
  let accepted = 0;
  let server: Server | undefined;

  const listen = async (port: number): Promise<Server> => {
    const fresh = createServer((client) => {
      accepted++;
      const link = new Link(client, connect({ host, port: Number(serverPort) }), faults);
      links.add(link);
      client.on('close', () => links.delete(link));
    });
    fresh.listen(port, '127.0.0.1');
    await once(fresh, 'listening');
    return fresh;
  };
  const refuse = async () => {
    const stopping = server;
    server = undefined;
    for (const link of links) link.destroy();
    if (!stopping) return;
    stopping.close();
    await once(stopping, 'close');
  };

  server = await listen(listenOn);
  const { port } = server.address() as AddressInfo;
  const url = new URL(serverUrl);
  url.host = `127.0.0.1:${port}`;
  return {
    url: url.href,
    connections: () => links.size,
    ports: () => [...links].map(({ port }) => port),
    accepted: () => accepted,
    delay(ms, share = 1) {
      faults.delayMs = ms;
      faults.slowShare = share;
    },
    silence(index) {
      if (index === undefined) faults.isSilent = true;
      else [...links][index]!.isSilent = true;
    },
    cut(afterBytes) {
      faults.cutAfterBytes = afterBytes;
      for (const link of links) link.cutAfter(afterBytes());
    },
    cutAt(text, when) {
      faults.cutAt = { text, when };
    },
    silenceAt(text) {
      faults.silenceAt = text;
    },
    inject(bytes) {
      for (const link of links) link.inject(Buffer.from(bytes));
    },
    refuse,
    async restore() {
      for (const link of links) if (link.isMute) link.destroy();
      Object.assign(faults, NONE);
      for (const link of links) link.cutAfter(Infinity);
      server ??= await listen(port);
    },
    close: refuse,
  };
}

/** One connection: the client's half and the server's. */
class Link {
  isSilent = false;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #faults: Faults;
  #foreign: Buffer = Buffer.alloc(0);
  #bytesLeft: number;
  #dueAtMs = 0;
  #sent: Promise<void> = Promise.resolve();
  #unsent = 0;

  constructor(client: Socket, server: Socket, faults: Faults) {
    this.#client = client.setNoDelay();
    this.#server = server.setNoDelay();
    this.#faults = faults;
    this.#bytesLeft = faults.cutAfterBytes?.() ?? Infinity;
    client.on('data', (chunk: Buffer) => {
      if (faults.silenceAt !== undefined && chunk.includes(faults.silenceAt)) this.isSilent = true;
      if (this.isMute) return;
      if (faults.cutAt && chunk.includes(faults.cutAt.text)) {
        if (faults.cutAt.when === 'before') {
          client.resetAndDestroy();
          return;
        }
        this.#bytesLeft = 0;
      }
      server.write(chunk);
    });
    server.on('data', (chunk: Buffer) => {
      this.#pass(chunk);
    });
    client.on('error', () => client.destroy()).on('close', () => server.destroy());
    server
      .on('error', () => server.destroy())
      .on('close', () => {
        // Of a half-open connection nobody is told that its other end is gone.
        void this.#sent.then(() => this.isMute || client.end());
      });
  }

  get port(): number | undefined {
    return this.#server.localPort;
  }

  get isMute(): boolean {
    return this.isSilent || this.#faults.isSilent;
  }

  cutAfter(bytes: number): void {
    this.#bytesLeft = bytes;
  }

  inject(bytes: Buffer): void {
    this.#foreign = bytes;
  }

  destroy(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  #pass(chunk: Buffer): void {
    const { delayMs, slowShare } = this.#faults;
    if (delayMs === 0 && this.#unsent === 0) {
      this.#send(chunk);
      return;
    }
    const now = performance.now();
    const isSlow = delayMs > 0 && Math.random() < slowShare;
    this.#dueAtMs = Math.max(this.#dueAtMs, isSlow ? now + delayMs : now);
    const dueAtMs = this.#dueAtMs;
    this.#unsent++;
    this.#sent = this.#sent.then(async () => {
      const heldMs = dueAtMs - performance.now();
      if (heldMs > 0) await wait(heldMs, undefined, { ref: false });
      this.#unsent--;
      this.#send(chunk);
    });
  }

  #send(chunk: Buffer): void {
    if (this.isMute || this.#client.destroyed) return;
    const bytes = this.#foreign.length > 0 ? Buffer.concat([this.#foreign, chunk]) : chunk;
    this.#foreign = Buffer.alloc(0);
    if (bytes.length < this.#bytesLeft) {
      this.#bytesLeft -= bytes.length;
      this.#client.write(bytes);
      return;
    }
    this.#client.write(bytes.subarray(0, this.#bytesLeft), () => this.#client.resetAndDestroy());
  }
}
