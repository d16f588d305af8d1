/** Estimates a server's wall clock from the times in its answers; between these it goes on with our monotonic clock. */
export class ServerClock {
  /** Its clock minus ours. */
  #aheadMs: number | undefined;

  /** @param monotonicMs  our clock */
  constructor(readonly monotonicMs: () => number) {}

  /**
   * Takes in a time from the server, which it read at some moment between our question and its answer. The first estimate is
   * as early as possible; later ones change it no more than they must.
   *
   * @param sentAtMs  when the server was asked, by our clock
   */
  told(serverMs: number, sentAtMs: number): void {
    const [leastMs, mostMs] = [serverMs - this.monotonicMs(), serverMs - sentAtMs];
    this.#aheadMs = Math.min(Math.max(this.#aheadMs ?? leastMs, leastMs), mostMs);
  }

  /** ms since 1970, rather too early than too late; `undefined` if the server has told no time. */
  get nowMs(): number | undefined {
    return this.#aheadMs === undefined ? undefined : Math.floor(this.monotonicMs() + this.#aheadMs);
  }
}
