import { GroupCommit } from './group-commit.js';
import type { Store } from './store.js';
import { tokensByTag, type Tokens } from './tokens.js';

/** More than a cluster has masters: then some of them are gone. */
const MANY_PARTITIONS = 100;

/** May take as long as the largest budget among those who ask. */
interface Question {
  readonly tags: Set<string>;
  budgetMs: number;
}

type Questions = GroupCommit<Question, Tokens>;

/** Reads the tokens for all who wait with one question to each partition. */
export class TokenReader {
  readonly #store: Store;
  readonly #byPartition = new Map<string, Questions>();

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * @param budgetMs  for the question itself. The wait for the one before it comes on top, but that has a budget, too, and if
   *   it fails for its time the store refuses the next at once
   * @throws {CacheError} `CACHE_STORE_UNAVAILABLE`
   */
  read(tags: readonly string[], budgetMs: number): Promise<Tokens> {
    const [first = ''] = tags;
    const partition = this.#store.partitionOf(first);
    const isOne = tags.every((tag) => this.#store.partitionOf(tag) === partition);
    return isOne ? this.#readPart(partition, tags, budgetMs) : this.#readParts(tags, budgetMs);
  }

  async #readParts(tags: readonly string[], budgetMs: number): Promise<Tokens> {
    const byPartition = new Map<string, string[]>();
    for (const tag of tags) {
      const partition = this.#store.partitionOf(tag);
      byPartition.set(partition, [...(byPartition.get(partition) ?? []), tag]);
    }
    const parts = [...byPartition].map(([partition, some]) => this.#readPart(partition, some, budgetMs));
    return new Map((await Promise.all(parts)).flatMap((tokens) => [...tokens]));
  }

  #readPart(partition: string, tags: readonly string[], budgetMs: number): Promise<Tokens> {
    const { wanted, answer } = this.#questionsTo(partition).next;
    for (const tag of tags) wanted.tags.add(tag);
    wanted.budgetMs = Math.max(wanted.budgetMs, budgetMs);
    return answer;
  }

  #questionsTo(partition: string): Questions {
    const known = this.#byPartition.get(partition);
    if (known) return known;
    if (this.#byPartition.size >= MANY_PARTITIONS)
      for (const [name, { isIdle }] of this.#byPartition) if (isIdle) this.#byPartition.delete(name);
    const questions: Questions = new GroupCommit(
      () => ({ tags: new Set(), budgetMs: 0 }),
      (question) => this.#ask(question),
    );
    this.#byPartition.set(partition, questions);
    return questions;
  }

  async #ask({ tags, budgetMs }: Question): Promise<Tokens> {
    const asked = [...tags];
    return tokensByTag(asked, await this.#store.tokens(asked, budgetMs));
  }
}
