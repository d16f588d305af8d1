/** The engine's only sources of time; tests put their own in place. */
export interface Clock {
  /** Milliseconds from an arbitrary start that never run backwards. For budgets, lifetimes and order. */
  monotonicMs(): number;
  /**
   * Runs `task` once after `ms`, and keeps no process alive for it.
   *
   * @returns takes it back, if it has not run yet
   */
  schedule(ms: number, task: () => void): () => void;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  schedule: (ms, task) => {
    const timer = setTimeout(task, ms).unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Resolves after `ms`. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.schedule(ms, resolve));
}
