import { AsyncScope } from './async-scope.js';

/**
 * Why a result is its caller's and nothing to keep: it is made of something beyond its TTL; or of what a transaction sees
 * that began outside of the run, which may never be committed, or be older than what the run's tokens vouch for.
 */
export type Spoiled = 'stale-inside' | 'in-transaction';

const runs = new AsyncScope<CurrentRun>();

/** A run of a method whose result may be kept, as whatever it calls sees it, however indirectly. */
export class CurrentRun {
  #isOver = false;
  #spoiledBy: Spoiled | undefined;

  private constructor(
    private readonly owner: object,
    private readonly keyText: string,
    private readonly outer: CurrentRun | undefined,
  ) {}

  /** @param owner  tells those of one engine from those of another */
  static async make<T>(owner: object, keyText: string, run: (own: CurrentRun) => Promise<T>): Promise<T> {
    const own = new CurrentRun(owner, keyText, CurrentRun.around);
    try {
      return await runs.run(own, () => run(own));
    } finally {
      own.#isOver = true;
    }
  }

  /** The innermost one around the code that asks. */
  static get around(): CurrentRun | undefined {
    const run = runs.current;
    return run && !run.#isOver ? run : undefined;
  }

  /** Whether this run, or one around it, makes the value of that key. */
  isOf(owner: object, keyText: string): boolean {
    const isThis = !this.#isOver && this.owner === owner && this.keyText === keyText;
    return isThis || (this.outer?.isOf(owner, keyText) ?? false);
  }

  /** @param upTo  the first one around it for which that is no reason */
  spoil(reason: Spoiled, upTo?: CurrentRun): void {
    if (this === upTo) return;
    // Of the two only this one keeps a result from others who wait, too.
    if (this.#spoiledBy !== 'in-transaction') this.#spoiledBy = reason;
    this.outer?.spoil(reason, upTo);
  }

  get spoiledBy(): Spoiled | undefined {
    return this.#spoiledBy;
  }
}
