import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** Something that changes: each write makes its version one more. */
export interface Versioned {
  readonly id: string;
  readonly version: number;
}

/** What a database is to an application: where all processes of a contender read and write. */
export interface SourceServer {
  readonly url: string;
  /** How often it was read. */
  reads(): number;
  /** How long each later read takes after it has seen the version, ms. Default: nothing. */
  slowDown(ms: () => number): void;
  close(): void;
}

export async function startSource(): Promise<SourceServer> {
  const versions = new Map<string, number>();
  let reads = 0;
  let slowMs = () => 0;
  const server = createServer((request, response) => {
    const id = request.url?.slice(1) ?? '';
    const isWrite = request.method === 'POST';
    const version = (versions.get(id) ?? 0) + (isWrite ? 1 : 0);
    versions.set(id, version);
    if (!isWrite) reads++;
    const answer = () => response.end(JSON.stringify({ id, version } satisfies Versioned));
    if (isWrite) answer();
    else void wait(slowMs()).then(answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reads: () => reads,
    slowDown(ms) {
      slowMs = ms;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The same, as a contender reaches it. */
export class Source {
  constructor(private readonly url: string) {}

  read(id: string): Promise<Versioned> {
    return this.#ask('GET', id);
  }

  write(id: string): Promise<Versioned> {
    return this.#ask('POST', id);
  }

  async #ask(method: string, id: string): Promise<Versioned> {
    const answer = await fetch(`${this.url}/${id}`, { method });
    return (await answer.json()) as Versioned;
  }
}
