import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

interface Question {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

type Reply = { readonly id: number } & ({ readonly answer: unknown } | { readonly error: string });

type Answers = Record<string, (argument: never) => unknown>;

/** In a child process: answers what the parent asks, until the parent is gone. Call it before anything that waits. */
export function answerQuestions(answers: Answers): void {
  process.on('message', ({ id, name, argument }: Question) => {
    const reply = async (): Promise<Reply> => {
      try {
        return { id, answer: await answers[name]?.(argument as never) };
      } catch (error) {
        return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
      }
    };
    void reply().then((answer) => process.send?.(answer));
  });
  process.on('disconnect', () => process.exit());
  if (!process.connected) process.exit();
}

/** A child process that is asked one thing at a time or many. */
export class Process {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #asked = 0;

  /** @param file  a file of this folder, as it is called after compiling */
  constructor(file: string, args: readonly string[] = [], execArgv: readonly string[] = []) {
    const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
      execArgv: [...execArgv],
      env: { ...process.env, NODE_ENV: 'production' },
    });
    this.#child = child;
    this.#ended = new Promise((ended) => child.once('exit', ended));
    child.on('message', (reply: Reply) => {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
    child.once('exit', (code, signal) => {
      for (const [id, answer] of this.#waiting) answer({ id, error: `${file} ended: ${code ?? signal}` });
      this.#waiting.clear();
    });
  }

  /** @throws {Error} what the child threw, or that it ended */
  ask<Answer>(name: string, argument?: unknown): Promise<Answer> {
    const id = this.#asked++;
    return new Promise((settle, reject) => {
      this.#waiting.set(id, (reply) => {
        if ('error' in reply) reject(new Error(reply.error));
        else settle(reply.answer as Answer);
      });
      this.#child.send({ id, name, argument } satisfies Question, (error) => {
        if (error) this.#waiting.get(id)?.({ id, error: error.message });
      });
    });
  }

  /** The child ends when its parent hangs up; after three seconds it is ended. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 3000);
    await this.#ended;
    clearTimeout(timer);
  }
}
