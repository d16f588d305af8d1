/** So many keys are told apart at a time. Beyond, nothing is stored of the runs of the one whose runs began first. */
const MAX_KEYS = 10_000;

interface RunsOfKey {
  /** How many may still be stored. */
  count: number;
  /** The place of the latest that was. */
  newestStored: number;
}

/** One that may be stored, until that is done or given up. */
export interface OrderedRun {
  /** Whether one that began later has been stored. */
  isOutrun(): boolean;
  /** For what is about to be stored: from then on nothing is that began before it. @returns whether it may be itself */
  claim(): boolean;
  /** Nothing is stored of it any more. To be called once. */
  end(): void;
}

/**
 * The order in which the runs of each key began, however long they take: what one gave does not take the place of what a
 * later one gave, in this process. No invalidation tells them apart. Two that are being written at once, on different
 * connections, may still arrive in the other order.
 */
export class RunOrder {
  readonly #runs = new Map<string, RunsOfKey>();
  #place = 0;

  /** @param name  of the key, as {@link Subject.name} */
  begin(name: string): OrderedRun {
    const place = ++this.#place;
    const runs = this.#runsOf(name);
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
        if (runs.count === 0 && this.#runs.get(name) === runs) this.#runs.delete(name);
      },
    };
  }

  #runsOf(name: string): RunsOfKey {
    const known = this.#runs.get(name);
    if (known) return known;
    const runs = { count: 0, newestStored: 0 };
    this.#runs.set(name, runs);
    if (this.#runs.size > MAX_KEYS) this.#forgetOldest();
    return runs;
  }

  /** A run that never ends keeps its key here; one that ends after all finds itself outrun. */
  #forgetOldest(): void {
    for (const [name, runs] of this.#runs) {
      this.#runs.delete(name);
      runs.newestStored = Infinity;
      return;
    }
  }
}
