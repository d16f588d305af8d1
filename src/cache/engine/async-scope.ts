import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from './clock.js';

/**
 * A value that everything sees which a piece of work calls, however indirectly. It is an AsyncLocalStorage that is switched
 * off while no work is under way: before Node 24 one that is on slows every promise, timer and socket of the process.
 */
export class AsyncScope<T> {
  readonly #storage = new AsyncLocalStorage<T>();
  #underWay = 0;
  #lingering: { readonly end: () => void; readonly cancel: () => void } | undefined;

  /** The value of the innermost work around the caller. After the end of that work it may be `undefined`. */
  get current(): T | undefined {
    return this.#storage.getStore();
  }

  /** @returns what `work` returns; it is over when that settles */
  async run<R>(value: T, work: () => Promise<R>): Promise<R> {
    const end = this.begin();
    try {
      return await this.#storage.run(value, work);
    } finally {
      end();
    }
  }

  /** Runs a part of work that is under way already, and ends no sooner than the part. */
  runPart<R>(value: T, part: () => R): R {
    return this.#storage.run(value, part);
  }

  /** Keeps the scope on for another `ms`, since what work has begun may outlive it. To be called before the work ends. */
  linger(clock: Clock, ms: number): void {
    this.#lingering?.cancel();
    const end = this.#lingering?.end ?? this.begin();
    // Else the timer would keep the value of the work around it.
    const cancel = this.#storage.run(undefined as T, () =>
      clock.schedule(ms, () => {
        this.#lingering = undefined;
        end();
      }),
    );
    this.#lingering = { end, cancel };
  }

  /** Switches the scope on for work that is no promise. @returns a function that ends this, to be called once */
  begin(): () => void {
    this.#underWay++;
    return () => {
      this.#underWay--;
      if (this.#underWay === 0) this.#storage.disable();
    };
  }
}
