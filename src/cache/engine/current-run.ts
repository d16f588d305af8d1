import { AsyncScope } from './async-scope.js';
import { isWitness } from './tags.js';
import type { Tokens } from './tokens.js';

/**
 * Why the result of a run is not kept. `stale-inside`: it was made of something beyond its TTL. `in-transaction`: it was read
 * in a transaction that began outside of the run. What that sees may never be committed, or be older than the run's tokens
 * say; so the result is for its own caller only.
 */
export type Spoiled = 'stale-inside' | 'in-transaction';

interface RunParts {
  readonly owner: object;
  readonly keyText: string;
  readonly isShared: boolean;
  readonly others?: ReadonlySet<CurrentRun>;
}

const runs = new AsyncScope<CurrentRun | undefined>();

/** A run of a method whose result may be kept. All that it calls, however indirectly, can find it by `around`. */
export class CurrentRun {
  #isOver = false;
  #spoiledBy: Spoiled | undefined;
  readonly #used = new Map<string, string>();

  private constructor(
    private readonly owner: object,
    private readonly keyText: string,
    private readonly isShared: boolean,
    private readonly outer: CurrentRun | undefined,
    private readonly others: ReadonlySet<CurrentRun>,
  ) {}

  /**
   * @param owner     tells the runs of one engine from those of another
   * @param isShared  whether others may join it
   * @param others    runs that wait for this one, beside the one around it
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

  /** The innermost run that the calling code is part of and that is not over. */
  static get around(): CurrentRun | undefined {
    let run = runs.current;
    while (run && run.#isOver) run = run.outer;
    return run;
  }

  /** For work that a run starts and does not wait for: it is no part of the run. */
  static outside<T>(work: () => T): T {
    return runs.current ? runs.runPart(undefined, work) : work();
  }

  /** This run, or else the innermost around it, that others may join. */
  get shared(): CurrentRun | undefined {
    return this.isShared ? this : this.outer?.shared;
  }

  /**
   * Whether this run, or one that waits for it, is making the value of that key: to wait for that value from here would never
   * end.
   *
   * @param seen  runs that were looked at already: several may be inside, or wait for, the same one
   */
  isOf(owner: object, keyText: string, seen = new Set<CurrentRun>()): boolean {
    if (seen.has(this)) return false;
    seen.add(this);
    if (!this.#isOver && this.owner === owner && this.keyText === keyText) return true;
    if (this.outer?.isOf(owner, keyText, seen)) return true;
    for (const other of this.others) if (other.isOf(owner, keyText, seen)) return true;
    return false;
  }

  /** Marks this run and those around it. @param upTo  a run that is not to be marked, nor are those around it */
  spoil(reason: Spoiled, upTo?: CurrentRun): void {
    if (upTo?.isInside(this)) return;
    // It is the stronger of the two: such a result is not even given to those who joined.
    if (this.#spoiledBy !== 'in-transaction') this.#spoiledBy = reason;
    this.outer?.spoil(reason, upTo);
  }

  /** Notes that this run, and those around it, use what others have made under these tokens, perhaps before it began. */
  noteUsed(tokens: Tokens): void {
    // Of two tokens of one tag the older is kept, since it is dead first.
    for (const [tag, token] of tokens)
      if (!isWitness(tag) && !this.#used.has(tag)) this.#used.set(tag, token);
    this.outer?.noteUsed(tokens);
  }

  /** The tokens under which others had made what it has used. */
  get used(): Tokens {
    return this.#used;
  }

  /** Whether this is that run, or was begun inside it. */
  isInside(run: CurrentRun): boolean {
    return this === run || (this.outer?.isInside(run) ?? false);
  }

  get spoiledBy(): Spoiled | undefined {
    return this.#spoiledBy;
  }
}
