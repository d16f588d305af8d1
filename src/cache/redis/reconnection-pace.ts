/**
 * When connections that were lost, or never made, try again: of all that share it one at a time, in the order in which they
 * failed, and all at once when one is let in. Nobody is let in the sooner because many ask, and one that hangs in its
 * attempt does not keep the next one from trying.
 */
export class ReconnectionPace {
  readonly #waiting = new Set<() => void>();
  #turns = 0;
  #latestTurnMs = -Infinity;

  /**
   * @param gapMs  between two attempts, ms; up to half of it more, so that processes do not try together. It is told how many
   *   there were since somebody was let in, this one included
   * @param now  monotonic, ms
   */
  constructor(
    private readonly gapMs: (attempts: number) => number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** @returns ms until the turn of whoever has just failed */
  nextTurnMs(): number {
    const nowMs = this.now();
    const gapMs = this.gapMs(++this.#turns) * (1 + Math.random() / 2);
    this.#latestTurnMs = Math.max(nowMs, this.#latestTurnMs) + gapMs;
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
    this.#turns = 0;
    this.#latestTurnMs = -Infinity;
    for (const wake of this.#waiting) wake();
  }
}

/** Where we are not let in. Somebody has to do something first, and each attempt is a line in the log of who watches the server. */
export function paceOfRefusals(now?: () => number): ReconnectionPace {
  return new ReconnectionPace(() => 1000, now);
}

/** Where a server is away: it may be back at any moment. */
export function paceOfAbsences(maxGapMs: number, now?: () => number): ReconnectionPace {
  return new ReconnectionPace((attempts) => Math.min(maxGapMs, 25 * 2 ** Math.min(attempts, 20)), now);
}
