interface DependencyState {
  isUp: boolean;
  /** Checks that failed in a row */
  failures: number;
  /** Time since the first of them, ms; 0 while it is up */
  downForMs: number;
}

const freshMs = 1000;

/** Asks at most once a second, however many probes there are, and remembers since when there was no answer. */
export class DependencyWatch {
  #latest: { askedAtMs: number; state: Promise<DependencyState> } | undefined;
  #failures = 0;
  #downSinceMs = 0;

  /**
   * @param isAnswering  must have a deadline of its own and never throw
   * @param now  monotonic, ms
   */
  constructor(
    private readonly isAnswering: () => Promise<boolean>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  state(): Promise<DependencyState> {
    const askedAtMs = this.now();
    if (this.#latest === undefined || askedAtMs - this.#latest.askedAtMs >= freshMs) {
      this.#latest = { askedAtMs, state: this.#ask() };
    }
    return this.#latest.state;
  }

  async #ask(): Promise<DependencyState> {
    const isUp = await this.isAnswering();
    if (isUp) this.#failures = 0;
    else if (this.#failures++ === 0) this.#downSinceMs = this.now();
    return { isUp, failures: this.#failures, downForMs: isUp ? 0 : this.now() - this.#downSinceMs };
  }
}
