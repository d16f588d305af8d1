import type { Store } from './store.js';
import { tokensByTag, type Tokens } from './tokens.js';

/** More than a cluster has masters: then some of them are gone. */
const MANY_QUEUES = 100;

/**
 * Reads the tokens for all who wait with one question. While one is under way the next gathers, as in the group commit of
 * databases. Nobody is answered by a question that was sent before they came: its answer could be too old for them.
 */
export class TokenReader {
  readonly #store: Store;
  readonly #queues = new Map<string, Queue>();

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
    return isOne ? this.#queueOf(partition).read(tags, budgetMs) : this.#readParts(tags, budgetMs);
  }

  async #readParts(tags: readonly string[], budgetMs: number): Promise<Tokens> {
    const byPartition = new Map<string, string[]>();
    for (const tag of tags) {
      const partition = this.#store.partitionOf(tag);
      byPartition.set(partition, [...(byPartition.get(partition) ?? []), tag]);
    }
    const parts = [...byPartition].map(([partition, some]) => this.#queueOf(partition).read(some, budgetMs));
    return new Map((await Promise.all(parts)).flatMap((tokens) => [...tokens]));
  }

  #queueOf(partition: string): Queue {
    const known = this.#queues.get(partition);
    if (known) return known;
    if (this.#queues.size >= MANY_QUEUES)
      for (const [name, { isIdle }] of this.#queues) if (isIdle) this.#queues.delete(name);
    const queue = new Queue(this.#store);
    this.#queues.set(partition, queue);
    return queue;
  }
}

/** Gathered while the one before is under way. It may take as long as the largest budget among those who ask. */
interface Question {
  readonly tags: Set<string>;
  budgetMs: number;
  readonly answer: Promise<Tokens>;
}

/** A promise keeps the async context of whoever made it. Without this an idle queue would keep that of its last caller. */
const NOTHING = Promise.resolve();

/** The questions to one partition, one after the other. */
class Queue {
  readonly #store: Store;
  #gathering: Question | undefined;
  /** Resolves when the last question of all that were gathered so far has ended. */
  #previous: Promise<unknown> = NOTHING;
  #underWay = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  read(tags: readonly string[], budgetMs: number): Promise<Tokens> {
    const question = (this.#gathering ??= this.#gather());
    for (const tag of tags) question.tags.add(tag);
    question.budgetMs = Math.max(question.budgetMs, budgetMs);
    return question.answer;
  }

  /** Also where no question is under way, it is sent only at the end of the tick, for all who ask in that. */
  #gather(): Question {
    this.#underWay++;
    const question: Question = {
      tags: new Set(),
      budgetMs: 0,
      answer: this.#previous.then(() => this.#ask(question)),
    };
    const end = () => {
      this.#underWay--;
      if (this.#underWay === 0) this.#previous = NOTHING;
    };
    this.#previous = question.answer.then(end, end);
    return question;
  }

  async #ask({ tags, budgetMs }: Question): Promise<Tokens> {
    this.#gathering = undefined;
    const asked = [...tags];
    return tokensByTag(asked, await this.#store.tokens(asked, budgetMs));
  }
}
