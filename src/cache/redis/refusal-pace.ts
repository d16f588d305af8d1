/** Replies of a server that does not take our password or user, or does not allow what we need. */
const REFUSAL = /^(WRONGPASS|NOAUTH|NOPERM)$/;

/** Whether somebody has to do something before a server lets us in. */
export function isRefusal(reason: string): boolean {
  return REFUSAL.test(reason);
}

/** Between two attempts of a process, ms; up to half of it more, so that processes do not try together. */
const PAUSE_MS = 1000;

/**
 * When connections that were refused try again: of all of a process one at a time, in the order in which they were refused.
 * Nobody is let in the sooner for asking more often, and each attempt is a line in the log of who watches the server.
 */
export class RefusalPace {
  readonly #waiting = new Set<() => void>();
  #latestTurnMs = -Infinity;

  /** @param now  monotonic, ms */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** @returns ms until the turn of whoever has just been refused */
  nextTurnMs(): number {
    const nowMs = this.now();
    this.#latestTurnMs = Math.max(nowMs, this.#latestTurnMs) + PAUSE_MS * (1 + Math.random() / 2);
    return Math.ceil(this.#latestTurnMs - nowMs);
  }

  /**
   * @param wake  called when another connection was let in, for then it may be this one's turn, too
   * @returns takes it back
   */
  whenLetIn(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => void this.#waiting.delete(wake);
  }

  /** A connection was let in. */
  letIn(): void {
    this.#latestTurnMs = -Infinity;
    for (const wake of this.#waiting) wake();
  }
}
