import { createWriteStream, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { HttpConnection } from '../support/http-connection.js';
import { readFrom, writeTo } from './ask-service.js';
import { nowUs, type Operation } from './operation.js';
import { randomQuestion } from './routes.js';
import { seeded } from './seeded.js';

export interface ClientsOptions {
  readonly processes: number;
  readonly keys: number;
  /** Readers at a time for each process; each asks again when it was answered and has rested. */
  readonly readers: number;
  /** How long a reader rests, ms. */
  readonly restMs: number;
  /** Writes at a time for each process. */
  readonly writers: number;
  /** So many reads go with each write, however fast the machine is. */
  readonly readsPerWrite: number;
  /** Of what is read and written. */
  readonly seed: number;
  /** Gets every operation, a line of JSON each. */
  readonly file: string;
}

/** An answer that does not come by then is an unknown outcome, ms. */
const PATIENCE_MS = 5000;
const PAUSE_MS = 50;
const STEP_MS = 2;
const LINES_AT_ONCE = 500;

/** Reads and writes until it is told to stop, and writes down what it saw. */
export class Clients {
  /** Where each service process listens at present; `null` while it is down. */
  ports: readonly (number | null)[] = [];
  /** Operations so far. */
  readonly count = { reads: 0, writes: 0 };
  readonly #options: ClientsOptions;
  readonly #random: () => number;
  readonly #out: WriteStream;
  readonly #connections: HttpConnection[] = [];
  readonly #running: Promise<void>[] = [];
  #lines: string[] = [];
  #isOver = false;

  constructor(options: ClientsOptions) {
    this.#options = options;
    this.#random = seeded(options.seed);
    this.#out = createWriteStream(options.file);
  }

  start(): void {
    const { processes, readers, writers } = this.#options;
    for (let process = 0; process < processes; process++) {
      for (const connection of this.#open(readers)) this.#running.push(this.#readOn(process, connection));
    }
    const idle = Array.from({ length: processes }, () => this.#open(writers));
    this.#running.push(this.#writeOn(idle));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
    for (const connection of this.#connections) connection.close();
    await this.#flush();
    this.#out.end();
    await once(this.#out, 'close');
  }

  #open(count: number): HttpConnection[] {
    const opened = Array.from({ length: count }, () => new HttpConnection(PATIENCE_MS));
    this.#connections.push(...opened);
    return opened;
  }

  async #readOn(process: number, connection: HttpConnection): Promise<void> {
    while (!this.#isOver) {
      const isAnswered = await this.#call('read', process, connection);
      // A process that is down is not besieged.
      if (!isAnswered) await wait(PAUSE_MS);
      else if (this.#options.restMs > 0) await wait(this.#options.restMs);
    }
  }

  /** Does not wait for what becomes of them: one process may hang. */
  async #writeOn(idle: readonly HttpConnection[][]): Promise<void> {
    const pending = new Set<Promise<unknown>>();
    for (let n = 1; !this.#isOver; n++) {
      const process = Math.floor(this.#random() * idle.length);
      const connection = idle[process]!.pop();
      if (connection) {
        const call = this.#call('write', process, connection).finally(() => {
          idle[process]!.push(connection);
          pending.delete(call);
        });
        pending.add(call);
      }
      while (this.#isAhead(n)) await wait(STEP_MS);
    }
    await Promise.all(pending);
  }

  #isAhead(writes: number): boolean {
    return !this.#isOver && this.count.reads < writes * this.#options.readsPerWrite;
  }

  /** @returns whether it was answered */
  async #call(kind: Operation['kind'], process: number, connection: HttpConnection): Promise<boolean> {
    // Some keys are asked for and written far more than others, as in life: there writes overtake runs.
    const key = Math.floor(this.#random() ** 2 * this.#options.keys);
    const port = this.ports[process];
    // An address where nobody listens got nothing.
    if (port == null) return false;
    const question = randomQuestion(key, this.#options.keys, this.#random);
    const { route, user } = question;
    const asked = kind === 'write' ? {} : { route, ...(user === undefined ? {} : { user }) };
    const begun = { kind, process, key, ...asked, invokedUs: nowUs() };
    const answer = await (kind === 'read'
      ? readFrom(connection, port, question)
      : writeTo(connection, port, key));
    const endedUs = nowUs();
    const isAnswered = answer !== undefined && !('refusedWith' in answer);
    const operation: Operation = isAnswered
      ? { ...begun, returnedUs: endedUs, ...answer }
      : { ...begun, lostUs: endedUs, ...answer };
    this.count[kind === 'read' ? 'reads' : 'writes']++;
    this.#lines.push(JSON.stringify(operation));
    if (this.#lines.length >= LINES_AT_ONCE) await this.#flush();
    return isAnswered;
  }

  async #flush(): Promise<void> {
    const text = this.#lines.map((line) => `${line}\n`).join('');
    this.#lines = [];
    if (!this.#out.write(text)) await once(this.#out, 'drain');
  }
}
