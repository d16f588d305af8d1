/** The pauses of something that lives until it is closed: one at a time, and others may end it. */
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

  /** Ends it, and every later one before it begins. */
  close(): void {
    this.#isClosed = true;
    this.#end();
  }

  // A function, for the compiler believes that a field cannot change during an await.
  isClosed(): boolean {
    return this.#isClosed;
  }
}
