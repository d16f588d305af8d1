// Not the global one: a test that puts timers of its own in place of those would wait for ever.
import { setImmediate } from 'node:timers';

/**
 * The present turn of the event loop. Answers that wait for its end leave together, and not each between two requests that
 * are read: the system then wakes those who read them once, not once for each. Measured, see docs/benchmarks.md.
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
