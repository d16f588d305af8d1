import { CacheError } from './cache-errors.js';
import type { Clock } from './clock.js';
import type { Store } from './store.js';
import { tokensByTag, type Tokens } from './tokens.js';

/**
 * Reads tokens for all who wait at the same moment with one question: while one is under way the next gathers, as in
 * the group commit of databases. Nobody is answered by a question that was sent before he came.
 */
export class TokenReader {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #queues = new Map<string, Queue>();

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** @throws {CacheError} `CACHE_STORE_UNAVAILABLE` after `budgetMs` at the latest */
  async read(tags: readonly string[], budgetMs: number): Promise<Tokens> {
    const byPartition = new Map<string, string[]>();
    for (const tag of tags) {
      const partition = this.#store.partitionOf(tag);
      const others = byPartition.get(partition);
      if (others) others.push(tag);
      else byPartition.set(partition, [tag]);
    }
    const parts = [...byPartition].map(([partition, some]) => this.#queueOf(partition).read(some, budgetMs));
    const answers = await Promise.all(parts);
    return answers.length === 1 && answers[0]
      ? answers[0]
      : new Map(answers.flatMap((answer) => [...answer]));
  }

  #queueOf(partition: string): Queue {
    const known = this.#queues.get(partition);
    if (known) return known;
    const queue = new Queue(this.#store, this.#clock);
    this.#queues.set(partition, queue);
    return queue;
  }
}

interface Waiter {
  readonly endsAtMs: number;
  readonly resolve: (tokens: Tokens) => void;
  readonly reject: (error: unknown) => void;
}

/** The questions to one partition, one after the other. */
class Queue {
  #tags = new Set<string>();
  #waiters = new Set<Waiter>();
  #isAsking = false;

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  read(tags: readonly string[], budgetMs: number): Promise<Tokens> {
    return new Promise((resolve, reject) => {
      const waiter = { endsAtMs: this.clock.monotonicMs() + budgetMs, resolve, reject };
      for (const tag of tags) this.#tags.add(tag);
      this.#waiters.add(waiter);
      if (!this.#isAsking) void this.#ask();
      else if (this.#waiters.size === 1) this.#watch(waiter);
    });
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    while (this.#waiters.size > 0) {
      const tags = [...this.#tags];
      const waiters = [...this.#waiters];
      this.#tags = new Set();
      this.#waiters = new Set();
      const budgetMs = Math.max(...waiters.map(({ endsAtMs }) => endsAtMs)) - this.clock.monotonicMs();
      try {
        const tokens = tokensByTag(tags, await this.store.tokens(tags, budgetMs));
        for (const { resolve } of waiters) resolve(tokens);
      } catch (error) {
        for (const { reject } of waiters) reject(error);
      }
    }
    this.#isAsking = false;
  }

  /** Whoever waits for a question that is not asked in his time leaves; they came in the order in which they leave. */
  #watch({ endsAtMs }: Waiter): void {
    this.clock.schedule(endsAtMs - this.clock.monotonicMs(), () => {
      for (const waiter of this.#waiters) {
        if (waiter.endsAtMs > this.clock.monotonicMs()) {
          this.#watch(waiter);
          return;
        }
        this.#waiters.delete(waiter);
        waiter.reject(new CacheError('CACHE_STORE_UNAVAILABLE', 'timeout'));
      }
    });
  }
}
