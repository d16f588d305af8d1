import { createWriteStream, type WriteStream } from 'node:fs';
import { Agent, request, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { nowUs, type Operation } from './operation.js';

export interface ClientsOptions {
  /** Where each service process is reached at present; `undefined` while it is down. */
  readonly addressOf: (process: number) => string | undefined;
  readonly processes: number;
  readonly keys: number;
  /** Readers at a time for each process; each asks again when it was answered. */
  readonly readers: number;
  /** So many reads go with each write, however fast the machine is. */
  readonly readsPerWrite: number;
  readonly random: () => number;
  /** Gets every operation, a line of JSON each. */
  readonly file: string;
}

/** An answer that does not come by then is an unknown outcome, ms. */
const PATIENCE_MS = 5000;
const PAUSE_MS = 50;
const STEP_MS = 2;
/** Stands for the key and the version in an answer that names none. */
const FOREIGN = -1;

/** Reads and writes until it is told to stop, and writes down what it saw. */
export class Clients {
  readonly #options: ClientsOptions;
  readonly #out: WriteStream;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #running: Promise<void>[] = [];
  #isOver = false;
  #count = { reads: 0, writes: 0 };

  constructor(options: ClientsOptions) {
    this.#options = options;
    this.#out = createWriteStream(options.file);
  }

  /** Operations so far. */
  get count(): { readonly reads: number; readonly writes: number } {
    return this.#count;
  }

  start(): void {
    const { processes, readers } = this.#options;
    for (let process = 0; process < processes; process++) {
      for (let n = 0; n < readers; n++) this.#running.push(this.#readOn(process));
    }
    this.#running.push(this.#writeOn());
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
    this.#agent.destroy();
    this.#out.end();
    await once(this.#out, 'close');
  }

  async #readOn(process: number): Promise<void> {
    while (!this.#isOver) {
      const isAnswered = await this.#call('read', process);
      // A process that is down is not besieged.
      if (!isAnswered) await wait(PAUSE_MS);
    }
  }

  /** Does not wait for what becomes of them. */
  async #writeOn(): Promise<void> {
    const { processes, readsPerWrite, random } = this.#options;
    const pending = new Set<Promise<unknown>>();
    for (let n = 1; !this.#isOver; n++) {
      const process = Math.floor(random() * processes);
      const call = this.#call('write', process).finally(() => pending.delete(call));
      pending.add(call);
      while (this.#isAhead(n * readsPerWrite)) await wait(STEP_MS);
    }
    await Promise.all(pending);
  }

  #isAhead(reads: number): boolean {
    return !this.#isOver && this.#count.reads < reads;
  }

  /** @returns whether it was answered */
  async #call(kind: Operation['kind'], process: number): Promise<boolean> {
    const key = Math.floor(this.#options.random() * this.#options.keys);
    const address = this.#options.addressOf(process);
    if (!address) return false;
    const invokedUs = nowUs();
    const begun = { kind, process, key, invokedUs };
    const answer = await this.#ask(kind, `${address}/versions/${key}`);
    const operation: Operation = answer ? { ...begun, returnedUs: nowUs(), ...answer } : begun;
    // Before the call nothing was known of it either; an address where nobody listens got nothing.
    this.#count[kind === 'read' ? 'reads' : 'writes']++;
    if (!this.#out.write(`${JSON.stringify(operation)}\n`)) await once(this.#out, 'drain');
    return answer !== undefined;
  }

  async #ask(
    kind: Operation['kind'],
    url: string,
  ): Promise<Pick<Operation, 'version' | 'of' | 'cache' | 'isPending'> | undefined> {
    try {
      const { response, text } = await this.#send(url, kind === 'read' ? 'GET' : 'POST');
      if ((response.statusCode ?? 500) >= 300) return undefined;
      const versioned = versionedOf(text);
      // It came whole, so it is an answer, but none of ours. A write behind it may have happened.
      if (!versioned) return kind === 'read' ? { of: FOREIGN, version: FOREIGN } : undefined;
      const { key, version } = versioned;
      const cache = response.headers['x-cache'];
      return {
        of: key,
        version,
        ...(typeof cache === 'string' ? { cache } : {}),
        ...(response.headers['x-cache-invalidation'] === 'pending' ? { isPending: true } : {}),
      };
    } catch {
      return undefined;
    }
  }

  #send(url: string, method: string): Promise<{ response: IncomingMessage; text: string }> {
    return new Promise((resolve, reject) => {
      const call = request(url, { method, agent: this.#agent, timeout: PATIENCE_MS }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          resolve({ response, text });
        });
        response.on('error', reject);
      });
      call.on('timeout', () => call.destroy(new Error('timeout')));
      call.on('error', reject);
      call.end();
    });
  }
}

function versionedOf(text: string): { key: number; version: number } | undefined {
  try {
    const { key, version } = JSON.parse(text) as { key: unknown; version: unknown };
    if (Number.isInteger(key) && Number.isInteger(version))
      return { key: Number(key), version: Number(version) };
  } catch {
    // No JSON, or no object.
  }
  return undefined;
}
