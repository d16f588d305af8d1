/** Pauses between the rounds of something that runs until it is closed: one at a time. Others may end a pause early. */
export class BreakablePause {
  #isClosed = false;
  #end: () => void = () => undefined;

  /** Does not keep the process alive. */
  async for(ms: number): Promise<void> {
    if (this.#isClosed || ms <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      timer.unref();
      this.#end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  end(): void {
    this.#end();
  }

  /** Ends the present pause; no later one begins. */
  close(): void {
    this.#isClosed = true;
    this.#end();
  }

  // A function, since the compiler assumes that a property does not change during an await.
  isClosed(): boolean {
    return this.#isClosed;
  }
}
