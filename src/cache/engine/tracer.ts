/**
 * Shows runs and invalidations to a tracing tool. What it is given it calls before it waits for anything: the work is not
 * held up, and begins without it. A hit has no span: it would cost more than the hit.
 */
export interface Tracer {
  /**
   * Around one run of a cached method, whoever waits for it.
   *
   * @param reason `bypass`: what the run gives is not kept, for the store is away or it is one caller's alone
   */
  load<T>(prefix: string, reason: 'miss' | 'bypass', run: () => Promise<T>): Promise<T>;

  /** Around what the store is asked to invalidate. */
  invalidate<T>(tags: readonly string[], run: () => Promise<T>): Promise<T>;
}

/** Whatever a tracer does or fails to do: the work is done exactly once, and its own result is given. */
export function guarded(tracer: Tracer): Tracer {
  const once = <T>(run: () => Promise<T>, show: (run: () => Promise<T>) => Promise<T>): Promise<T> => {
    let work: Promise<T> | undefined;
    const begun = () => (work ??= run());
    try {
      show(begun).catch(() => undefined);
    } catch {
      // A failure of the tracer is no failure of the work.
    }
    return begun();
  };
  return {
    load: (prefix, reason, run) => once(run, (shown) => tracer.load(prefix, reason, shown)),
    invalidate: (tags, run) => once(run, (shown) => tracer.invalidate(tags, shown)),
  };
}

/** Shows nothing. */
export const untraced: Tracer = {
  load: (_prefix, _reason, run) => run(),
  invalidate: (_tags, run) => run(),
};
