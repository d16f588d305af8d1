/** Why a method ran: the word that `Cache-Status` and the statistics have for it. */
export type LoadReason = 'miss' | 'stale' | 'bypass' | 'refresh';

/** Shows the cache's work to a tracing tool. A hit is none: it is an event of whoever asked. */
export interface Tracer {
  /** Around one run of a cached method, whoever waits for it. */
  load<T>(prefix: string, reason: LoadReason, run: () => Promise<T>): Promise<T>;

  /** Around what the store is asked to invalidate. */
  invalidate<T>(tags: readonly string[], run: () => Promise<T>): Promise<T>;
}

export const untraced: Tracer = {
  load: (_prefix, _reason, run) => run(),
  invalidate: (_tags, run) => run(),
};
