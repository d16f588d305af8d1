import { CacheError } from '../engine/cache-errors.js';

/**
 * Waits for `work` no longer than `ms`. Every call goes through here, since the client's own timeouts do not cover a command
 * that was already written to a server which has stopped answering. The command itself is not undone.
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

/** @returns whether `work` is still under way after `ms`. Resolves as soon as it has ended; never rejects */
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
 * Runs `tell` after `ms`, but not before all that has arrived by then was read: after a stall of this process, timers run
 * before sockets are read, and the process must not take its own delay for the server's.
 *
 * @returns a function that cancels it
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

/** Calls `tell` when `work` has a result, and gives that; never settles if `work` fails. */
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
