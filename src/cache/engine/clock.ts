/** The engine's only sources of time; tests put their own in place. */
export interface Clock {
  /** Milliseconds from an arbitrary start that never run backwards. For budgets, lifetimes and order. */
  monotonicMs(): number;
  /**
   * Runs `task` once after `ms`, or after 24.8 days if that is sooner, and keeps no process alive for it.
   *
   * @returns a function that cancels it
   */
  schedule(ms: number, task: () => void): () => void;
}

/** 24.8 days: `setTimeout` does not wait at all where it is to wait for longer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  schedule: (ms, task) => {
    const timer = setTimeout(task, Math.min(ms, LONGEST_TIMER_MS)).unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Resolves after `ms`. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.schedule(ms, resolve));
}

/**
 * Waits for `work`, for `ms` at most; without end where that is Infinity.
 *
 * @returns `undefined` if it takes longer; it goes on
 * @throws what `work` throws within that time
 */
export function resultWithin<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T | undefined> {
  if (ms === Infinity) return work;
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(ms, () => {
      resolve(undefined);
    });
    work.then(cancel, cancel);
    work.then(resolve, reject);
  });
}
