/** Keys that are remembered at a time. Beyond that the oldest is forgotten, and of its runs nothing more is stored. */
const MAX_KEYS = 10_000;

interface RunsOfKey {
  /** How many runs are under way that may still be stored. */
  count: number;
  /** The place of the latest run that was stored. */
  newestStored: number;
}

/** A run whose result may be stored. */
export interface OrderedRun {
  /** Whether a run that began later has been stored. */
  isOutrun(): boolean;
  /** Called just before it is stored: keeps out those that began before it. @returns whether it may itself be stored */
  claim(): boolean;
  /** It was stored, or will not be. To be called once. */
  end(): void;
}

/**
 * The order in which the runs of each key began, so that in this process the result of an earlier run never replaces that of
 * a later one. Tokens cannot prevent that: with no invalidation in between, both runs have the same. Two results that are
 * written at the same time, on different connections, may still arrive in the other order.
 */
export class RunOrder {
  readonly #runs = new Map<string, RunsOfKey>();
  #place = 0;

  /** @param shortKeyText  as {@link Subject.shortKeyText} */
  begin(shortKeyText: string): OrderedRun {
    const place = ++this.#place;
    const runs = this.#runsOf(shortKeyText);
    runs.count++;
    const isOutrun = () => place < runs.newestStored;
    return {
      isOutrun,
      claim: () => {
        if (isOutrun()) return false;
        runs.newestStored = place;
        return true;
      },
      end: () => {
        runs.count--;
        if (runs.count === 0 && this.#runs.get(shortKeyText) === runs) this.#runs.delete(shortKeyText);
      },
    };
  }

  #runsOf(shortKeyText: string): RunsOfKey {
    const known = this.#runs.get(shortKeyText);
    if (known) return known;
    const runs = { count: 0, newestStored: 0 };
    this.#runs.set(shortKeyText, runs);
    if (this.#runs.size > MAX_KEYS) this.#forgetOldest();
    return runs;
  }

  /** A run that never ends would keep its key here for ever. If it ends after all, it finds itself outrun. */
  #forgetOldest(): void {
    for (const [shortKeyText, runs] of this.#runs) {
      this.#runs.delete(shortKeyText);
      runs.newestStored = Infinity;
      return;
    }
  }
}
