/**
 * The present turn of the event loop. Answers that are given at its end leave one after the other, not each between two
 * requests that are read: the system then wakes their readers once rather than once each. Measured, see docs/benchmarks.md.
 */
export class Turn {
  #end: Promise<void> | undefined;

  /** Resolves when all requests that have arrived by now are read. */
  get end(): Promise<void> {
    this.#end ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#end = undefined;
        resolve();
      });
    });
    return this.#end;
  }
}
