import type { Store } from './store.js';
import { tokensByTag, type Tokens } from './tokens.js';

/** More than a cluster has masters: then some of them are gone. */
const MANY_QUEUES = 100;

/**
 * Reads tokens for all who wait with one question: while one is under way the next gathers, as in
 * the group commit of databases. Nobody is answered by a question that was sent before they came.
 */
export class TokenReader {
  readonly #store: Store;
  readonly #queues = new Map<string, Queue>();

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * @param budgetMs  for the question itself. The one before it has its own, and after one that failed for its time the
   *   store refuses at once
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

interface Waiter {
  readonly budgetMs: number;
  readonly resolve: (tokens: Tokens) => void;
  readonly reject: (error: unknown) => void;
}

/** The questions to one partition, one after the other. */
class Queue {
  readonly #store: Store;
  #tags = new Set<string>();
  #waiters: Waiter[] = [];
  #isAsking = false;

  constructor(store: Store) {
    this.#store = store;
  }

  get isIdle(): boolean {
    return !this.#isAsking;
  }

  read(tags: readonly string[], budgetMs: number): Promise<Tokens> {
    return new Promise((resolve, reject) => {
      for (const tag of tags) this.#tags.add(tag);
      this.#waiters.push({ budgetMs, resolve, reject });
      if (!this.#isAsking) void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    // Whoever asks in the same tick belongs to the first question.
    await Promise.resolve();
    while (this.#waiters.length > 0) {
      const tags = [...this.#tags];
      const waiters = this.#waiters;
      this.#tags = new Set();
      this.#waiters = [];
      try {
        const budgetMs = Math.max(...waiters.map((waiter) => waiter.budgetMs));
        const tokens = tokensByTag(tags, await this.#store.tokens(tags, budgetMs));
        for (const { resolve } of waiters) resolve(tokens);
      } catch (error) {
        for (const { reject } of waiters) reject(error);
      }
    }
    this.#isAsking = false;
  }
}
