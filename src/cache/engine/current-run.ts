import { AsyncScope } from './async-scope.js';

/**
 * Why a result is its caller's and nothing to keep: it is made of something beyond its TTL; or of what a transaction sees
 * that began outside of the run, which may never be committed, or be older than what the run's tokens vouch for.
 */
export type Spoiled = 'stale-inside' | 'in-transaction';

interface RunParts {
  readonly owner: object;
  readonly keyText: string;
  readonly isShared: boolean;
  readonly others?: ReadonlySet<CurrentRun>;
}

const runs = new AsyncScope<CurrentRun | undefined>();

/** A run of a method whose result may be kept, as whatever it calls sees it, however indirectly. */
export class CurrentRun {
  #isOver = false;
  #spoiledBy: Spoiled | undefined;

  private constructor(
    private readonly owner: object,
    private readonly keyText: string,
    private readonly isShared: boolean,
    private readonly outer: CurrentRun | undefined,
    private readonly others: ReadonlySet<CurrentRun>,
  ) {}

  /**
   * @param owner     tells those of one engine from those of another
   * @param isShared  whether others may wait for it, and be given what it gives
   * @param others    runs that wait for it, beside the one around it
   */
  static async make<T>(
    { owner, keyText, isShared, others = new Set() }: RunParts,
    run: (own: CurrentRun) => Promise<T>,
  ): Promise<T> {
    const own = new CurrentRun(owner, keyText, isShared, CurrentRun.around, others);
    try {
      return await runs.run(own, () => run(own));
    } finally {
      own.#isOver = true;
    }
  }

  /** The innermost one around the code that asks, of those that are not over. */
  static get around(): CurrentRun | undefined {
    let run = runs.current;
    while (run && run.#isOver) run = run.outer;
    return run;
  }

  /** For what a run begins and does not use: that is no part of it. */
  static outside<T>(work: () => T): T {
    return runs.current ? runs.runPart(undefined, work) : work();
  }

  /** This run, or the first one around it, for which others may wait. */
  get shared(): CurrentRun | undefined {
    return this.isShared ? this : this.outer?.shared;
  }

  /**
   * Whether this run, or one that waits for it, makes the value of that key.
   *
   * @param seen  those that were asked already: many may wait for one, and each of them in the same one
   */
  isOf(owner: object, keyText: string, seen = new Set<CurrentRun>()): boolean {
    if (seen.has(this)) return false;
    seen.add(this);
    if (!this.#isOver && this.owner === owner && this.keyText === keyText) return true;
    if (this.outer?.isOf(owner, keyText, seen)) return true;
    for (const other of this.others) if (other.isOf(owner, keyText, seen)) return true;
    return false;
  }

  /** @param upTo  a run for which that is no reason, nor for those around it */
  spoil(reason: Spoiled, upTo?: CurrentRun): void {
    if (upTo?.isInside(this)) return;
    // Of the two only this one keeps a result from others who wait, too.
    if (this.#spoiledBy !== 'in-transaction') this.#spoiledBy = reason;
    this.outer?.spoil(reason, upTo);
  }

  /** Whether this is that run, or one that it has begun. */
  isInside(run: CurrentRun): boolean {
    return this === run || (this.outer?.isInside(run) ?? false);
  }

  get spoiledBy(): Spoiled | undefined {
    return this.#spoiledBy;
  }
}
