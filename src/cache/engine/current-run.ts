import { AsyncScope } from './async-scope.js';

const runs = new AsyncScope<CurrentRun>();

/** A run of a method whose result may be kept, as whatever it calls sees it, however indirectly. */
export class CurrentRun {
  #isOver = false;
  #hasStale = false;

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
    const isThis = this.owner === owner && this.keyText === keyText;
    return isThis || (this.outer?.isOf(owner, keyText) ?? false);
  }

  /** Something that it asked for was given beyond its time, so its own result must not be called new. */
  wasGivenStale(): void {
    this.#hasStale = true;
    this.outer?.wasGivenStale();
  }

  get hasStale(): boolean {
    return this.#hasStale;
  }
}
