import { CacheError } from '../engine/cache-errors.js';

/**
 * Waits for `work` no longer than `ms`. The client's own timeouts do not cover a command already written to a server
 * that has stopped answering, so every call goes through here. The command itself is not undone.
 *
 * @throws {CacheError} `CACHE_STORE_UNAVAILABLE` with the reason `timeout`
 */
export function withDeadline<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = whenOverdue(ms, () => {
      reject(new CacheError('CACHE_STORE_UNAVAILABLE', 'timeout'));
    });
    work.then(stop, stop);
    work.then(resolve, reject);
  });
}

/** @returns whether `work` is under way after `ms`; never rejects, and resolves as soon as it is over */
export async function isOverdue(ms: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const stop = whenOverdue(ms, () => {
      resolve(true);
    });
    const isOver = () => {
      stop();
      resolve(false);
    };
    work.then(isOver, isOver);
  });
}

/**
 * Runs `tell` after `ms`, and not before what has arrived by then has been read: after a stall of this process timers run
 * before sockets are read, and its own delay must not look like another's.
 *
 * @returns takes it back
 */
export function whenOverdue(ms: number, tell: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    immediate = setImmediate(tell);
  }, ms);
  timer.unref();
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}

/** What `work` gives; it never ends where that fails. */
export function whenDone<T>(work: Promise<T>, tell: () => void): Promise<T> {
  return new Promise((resolve) => {
    work.then(
      (value) => {
        tell();
        resolve(value);
      },
      () => undefined,
    );
  });
}
