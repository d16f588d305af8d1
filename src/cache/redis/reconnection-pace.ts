/**
 * Says when connections that failed try again. Of all that share a pace one tries at a time, in the order in which they
 * failed, since more attempts get nobody in sooner; when one is let in, all try at once. The next one's turn comes even if an
 * attempt hangs.
 */
export class ReconnectionPace {
  readonly #waiting = new Set<() => void>();
  #turns = 0;
  #latestTurnMs = -Infinity;

  /**
   * @param gapMs  the time between two attempts, ms; up to half of it is added, so that processes do not try together. It is
   *   given the number of attempts since one was let in, this one included
   * @param now  monotonic, ms
   */
  constructor(
    private readonly gapMs: (attempts: number) => number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** @returns ms until the turn of the connection that has just failed */
  nextTurnMs(): number {
    const nowMs = this.now();
    const gapMs = this.gapMs(++this.#turns) * (1 + Math.random() / 2);
    this.#latestTurnMs = Math.max(nowMs, this.#latestTurnMs) + gapMs;
    return Math.ceil(this.#latestTurnMs - nowMs);
  }

  /**
   * @param wake  called when another connection was let in: this one may try at once, too
   * @returns a function that cancels that
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

/** For servers that refuse us: rare, since a person has to act first, and each attempt is a line in the log of the server. */
export function paceOfRefusals(now?: () => number): ReconnectionPace {
  return new ReconnectionPace(() => 1000, now);
}

/** For a server that is away: often, since it may be back at any moment. */
export function paceOfAbsences(maxGapMs: number, now?: () => number): ReconnectionPace {
  return new ReconnectionPace((attempts) => Math.min(maxGapMs, 25 * 2 ** Math.min(attempts, 20)), now);
}
