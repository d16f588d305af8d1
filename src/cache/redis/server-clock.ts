/** What a server's own clock says, as far as its answers tell: its wall clock, in steps of ours that only goes on. */
export class ServerClock {
  /** Of its clock before ours. */
  #aheadMs: number | undefined;

  /** @param monotonicMs  our clock */
  constructor(readonly monotonicMs: () => number) {}

  /**
   * It has answered with its time. That lies between the question and the answer, so what is known already holds as long as
   * it is possible; else the server is believed to be as early as it may be.
   *
   * @param sentAtMs  when it was asked, by our clock
   */
  told(serverMs: number, sentAtMs: number): void {
    const [leastMs, mostMs] = [serverMs - this.monotonicMs(), serverMs - sentAtMs];
    this.#aheadMs = Math.min(Math.max(this.#aheadMs ?? leastMs, leastMs), mostMs);
  }

  /** ms since 1970, rather too early than too late; `undefined` of a server that does not tell. */
  get nowMs(): number | undefined {
    return this.#aheadMs === undefined ? undefined : Math.floor(this.monotonicMs() + this.#aheadMs);
  }
}
