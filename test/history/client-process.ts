import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ClientsOptions } from './clients.js';

/** The ports at which the service processes listen, `null` for one that is down; or the end. */
export type ToClients = readonly (number | null)[] | 'stop';

/** More than the clients wait for an answer. */
const STOP_MS = 30_000;

/** The clients, in a process of their own; see clients.process.ts. */
export class ClientProcess {
  /** Operations as of half a second ago. */
  count = { reads: 0, writes: 0 };
  readonly #child: ChildProcess;

  constructor(options: ClientsOptions) {
    this.#child = fork(
      fileURLToPath(new URL('./clients.process.js', import.meta.url)),
      [JSON.stringify(options)],
      { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
    );
    this.#child.on('message', (count: ClientProcess['count']) => (this.count = count));
  }

  /** They begin when they are told for the first time. */
  reach(ports: readonly (number | null)[]): void {
    this.#tell(ports);
  }

  /** @throws {Error} if they ended before they were told to */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = once(this.#child, 'exit', { signal: AbortSignal.timeout(STOP_MS) });
      this.#tell('stop');
      await ended;
    }
    if (this.#child.exitCode !== 0) throw new Error('the clients ended by themselves');
  }

  /** Also when something went wrong. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #tell(message: ToClients): void {
    if (this.#child.connected) this.#child.send(message);
  }
}
