import { AsyncLocalStorage } from 'node:async_hooks';

/** Knows which request the present work is for, so that a line of the log can name it. */
export class RequestScope {
  readonly #ids = new AsyncLocalStorage<string>();

  /** The request's id; `undefined` outside of all requests. */
  get id(): string | undefined {
    return this.#ids.getStore();
  }

  /** Runs `work`; the id holds for all that this begins. */
  run(id: string, work: () => void): void {
    this.#ids.run(id, work);
  }
}
