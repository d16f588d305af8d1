import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from './clock.js';

/**
 * What holds for everything that a piece of work calls, however indirectly. It is an AsyncLocalStorage that is switched
 * off while no work is under way: before Node 24 one that is on slows every promise, timer and socket of the process.
 */
export class AsyncScope<T> {
  readonly #storage = new AsyncLocalStorage<T>();
  #underWay = 0;
  #lingering: { readonly end: () => void; readonly cancel: () => void } | undefined;

  /** Of the innermost work around the caller; after the end of that work perhaps `undefined`. */
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

  /** Runs what is a part of other work, which goes on at least as long. */
  runPart<R>(value: T, part: () => R): R {
    return this.#storage.run(value, part);
  }

  /** Stays on for `ms` from now on: what work has begun may outlive it. To be called before that work ends. */
  linger(clock: Clock, ms: number): void {
    this.#lingering?.cancel();
    const end = this.#lingering?.end ?? this.begin();
    // A timer remembers what was around whoever made it.
    const cancel = this.#storage.run(undefined as T, () =>
      clock.schedule(ms, () => {
        this.#lingering = undefined;
        end();
      }),
    );
    this.#lingering = { end, cancel };
  }

  /** For work that is no promise: announces it. @returns what ends it, to be called once */
  begin(): () => void {
    this.#underWay++;
    return () => {
      this.#underWay--;
      if (this.#underWay === 0) this.#storage.disable();
    };
  }
}
