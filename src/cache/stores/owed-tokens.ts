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
   * @param pay    rejects when it was not confirmed; then all stays owed
   */
  async pay(isHere: (key: string) => boolean, pay: (keys: string[]) => Promise<void>): Promise<void> {
    if (this.#owed.size === 0) return;
    const debts = [...this.#owed];
    const witnesses = debts.filter(([key]) => this.#isWitness(key));
    const isWaiting = witnesses.some(([key]) => !isHere(key));
    const others = isWaiting ? [] : debts.filter(([key]) => !this.#isWitness(key));
    const due = [...witnesses, ...others].filter(([key]) => isHere(key));
    while (due.length > 0) {
      const paid = due.splice(0, PAID_AT_ONCE);
      await pay(paid.map(([key]) => key));
      for (const [key, debt] of paid) if (this.#owed.get(key) === debt) this.#owed.delete(key);
    }
  }
}
