/** A promise remembers what was around whoever made it. Without this an idle one would remember its last caller. */
const NOTHING = Promise.resolve();

/** All who asked while the one before was under way. */
export interface Group<Wanted, Answer> {
  /** What they want together. Whoever joins puts in what they want, at once. */
  readonly wanted: Wanted;
  readonly answer: Promise<Answer>;
}

/**
 * Asks one question for all who wait, and one after the other: while one is under way the next gathers, as in the group
 * commit of databases. Nobody is answered by a question that was put before they came: its answer could be too old for them.
 */
export class GroupCommit<Wanted, Answer> {
  readonly #nothingYet: () => Wanted;
  readonly #ask: (wanted: Wanted) => Promise<Answer>;
  #gathering: Group<Wanted, Answer> | undefined;
  /** Resolves when the last question of all that were gathered so far has ended. */
  #previous: Promise<unknown> = NOTHING;

  constructor(nothingYet: () => Wanted, ask: (wanted: Wanted) => Promise<Answer>) {
    this.#nothingYet = nothingYet;
    this.#ask = ask;
  }

  get isIdle(): boolean {
    return this.#previous === NOTHING;
  }

  /** Whom to join. Also where no question is under way, theirs is put only at the end of the tick, for all who ask in that. */
  get next(): Group<Wanted, Answer> {
    return (this.#gathering ??= this.#gather());
  }

  #gather(): Group<Wanted, Answer> {
    const wanted = this.#nothingYet();
    const answer = this.#previous.then(() => {
      this.#gathering = undefined;
      return this.#ask(wanted);
    });
    const end = () => {
      if (this.#previous === ended) this.#previous = NOTHING;
    };
    const ended = answer.then(end, end);
    this.#previous = ended;
    return { wanted, answer };
  }
}
