/** The engine's only sources of time; tests put their own in place. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. For `Age` and log lines, never for ordering. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start that never run backwards. For budgets and lifetimes. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
