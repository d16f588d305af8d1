/** What was heard may be relied on for so long after it was last proven that nothing is missing, ms. */
export const HEARD_FOR_MS = 1000;

/**
 * How a process hears of invalidations by others. What it may have missed it must ask the store about, so it must know
 * how far its hearing reaches.
 */
export interface Backplane {
  /**
   * Monotonic ms until which what was heard may be relied on: one second after the *sending* of the last heartbeat that
   * was answered on the subscriber's own connection. `-Infinity` while nothing is proven. A hung server, a half-open
   * connection, a stalled or suspended process all end it by themselves.
   */
  readonly heardUntilMs: number;

  /**
   * Hears of all that was confirmed to anybody before the call: this process then knows of as many invalidations as the store.
   * All who ask at the same moment share a question. Never rejects. Default: it cannot, and the store is asked about each tag.
   *
   * @param budgetMs  how long it may take
   */
  catchUp?(budgetMs: number): Promise<CaughtUp>;

  /** @param listener may be called before an invalidation has been confirmed to whoever made it */
  listen(listener: BackplaneListener): void;
}

/** Whether all was heard; where half of the budget has passed, that is told as soon as it is known. */
export type CaughtUp = boolean | { readonly late: Promise<boolean> };

/** Whoever is told what a {@link Backplane} hears. */
export interface BackplaneListener {
  /** Tags whose tokens were taken away or changed, in any process, this one included. */
  onInvalidated(tags: readonly string[]): void;
  /** From here on everything is heard again; what happened before may have been missed. */
  onGap(): void;
}
