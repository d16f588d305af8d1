/** Shows runs and invalidations to a tracing tool. A hit has no span: it would cost more than the hit. */
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
  const once = async <T>(run: () => Promise<T>, show: (run: () => Promise<T>) => Promise<T>): Promise<T> => {
    let work: Promise<T> | undefined;
    const begun = () => {
      if (work) return work;
      work = run();
      work.catch(() => undefined);
      return work;
    };
    try {
      const shown = show(begun);
      shown.catch(() => undefined);
      // Who has begun may do for it what they like afterwards.
      await (work ?? shown);
    } catch {
      // The tracer's own, or that of the work, which is given below.
    }
    return begun();
  };
  return {
    load: (prefix, reason, run) => once(run, (shown) => tracer.load(prefix, reason, shown)),
    invalidate: (tags, run) => once(run, (shown) => tracer.invalidate(tags, shown)),
  };
}

/** For whom nobody traces. */
export const untraced: Tracer = {
  load: (_prefix, _reason, run) => run(),
  invalidate: (_tags, run) => run(),
};
