/** Shows the cache's work to a tracing tool. A hit is none: it is an event of whoever asked. */
export interface Tracer {
  /**
   * Around one run of a cached method, whoever waits for it.
   *
   * @param reason what the lookup came to; `bypass`: the store is away, so what the run gives is not kept
   */
  load<T>(prefix: string, reason: 'miss' | 'bypass', run: () => Promise<T>): Promise<T>;

  /** Around what the store is asked to invalidate. */
  invalidate<T>(tags: readonly string[], run: () => Promise<T>): Promise<T>;
}

/** For whom nobody traces. */
export const untraced: Tracer = {
  load: (_prefix, _reason, run) => run(),
  invalidate: (_tags, run) => run(),
};
