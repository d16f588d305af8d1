const MAX_OWED = 10_000;
const PAID_AT_ONCE = 1000;

/**
 * Tokens whose end Redis has not confirmed. Witnesses (the tokens that tell whether there was an invalidation) are paid
 * before all others, wherever they are: so a run that an invalidation overtook still finds them moved.
 */
export class OwedTokens {
  readonly #everything: readonly string[];
  readonly #isWitness: (key: string) => boolean;
  /** Key → number of the debt, so that what is owed anew while it is being paid stays owed. */
  #owed = new Map<string, number>();
  #count = 0;

  /** @param everything keys that stand for all others; owed in their place when there are too many */
  constructor(everything: readonly string[], isWitness: (key: string) => boolean) {
    this.#everything = everything;
    this.#isWitness = isWitness;
  }

  /** Whether nothing at all may be read. */
  get isEverything(): boolean {
    return this.#everything.every((key) => this.#owed.has(key));
  }

  get isNone(): boolean {
    return this.#owed.size === 0;
  }

  isAny(keys: readonly string[]): boolean {
    return this.#owed.size > 0 && keys.some((key) => this.#owed.has(key));
  }

  add(keys: readonly string[]): void {
    this.#count++;
    for (const key of keys) this.#owed.set(key, this.#count);
    if (this.#owed.size > MAX_OWED) this.#owed = new Map(this.#everything.map((key) => [key, this.#count]));
  }

  /**
   * @param isHere whether a key can be paid for now
   * @param remove rejects when it was not confirmed; then all stays owed. Returns the keys that cannot be removed here
   *               after all, which stay owed, too
   * @returns how many were paid
   */
  async pay(
    isHere: (key: string) => boolean,
    remove: (keys: readonly string[]) => Promise<readonly string[]>,
  ): Promise<number> {
    if (this.#owed.size === 0) return 0;
    const debts = [...this.#owed];
    const witnesses = await this.#pay(
      debts.filter(([key]) => this.#isWitness(key) && isHere(key)),
      remove,
    );
    if ([...this.#owed.keys()].some(this.#isWitness)) return witnesses;
    const others = await this.#pay(
      debts.filter(([key]) => !this.#isWitness(key) && isHere(key)),
      remove,
    );
    return witnesses + others;
  }

  async #pay(
    debts: readonly (readonly [key: string, debt: number])[],
    remove: (keys: readonly string[]) => Promise<readonly string[]>,
  ): Promise<number> {
    let paid = 0;
    for (let from = 0; from < debts.length; from += PAID_AT_ONCE) {
      const due = debts.slice(from, from + PAID_AT_ONCE);
      const unpaid = new Set(await remove(due.map(([key]) => key)));
      for (const [key, debt] of due)
        if (this.#owed.get(key) === debt && !unpaid.has(key) && this.#owed.delete(key)) paid++;
    }
    return paid;
  }
}
