import type { Clock } from './clock.js';

/** How long a question to the store may take for which nobody waits, ms. */
export const BACKGROUND_BUDGET_MS = 1000;

/**
 * What a question is given at least, ms. While this process stalls, budgets run out although the store is not slow; if its
 * requests then ran their methods, it would stall even more.
 */
const FLOOR_MS = 10;

/** Makes a full budget, for questions that no request is charged with: in the background, and during waits. */
export type NewBudget = () => Budget;

/**
 * How long one request may wait for the store, all its questions together. Time counts only while a question is under way,
 * not while the request waits for a run or for another process. After a failure nothing is left.
 */
export class Budget {
  readonly #clock: Clock;
  #leftMs: number;
  #askingSinceMs: number | undefined;
  #isExhausted = false;

  constructor(clock: Clock, budgetMs: number) {
    this.#clock = clock;
    this.#leftMs = budgetMs;
  }

  get leftMs(): number {
    const spentMs = this.#askingSinceMs === undefined ? 0 : this.#clock.monotonicMs() - this.#askingSinceMs;
    return this.#isExhausted ? 0 : Math.max(FLOOR_MS, this.#leftMs - spentMs);
  }

  /** A question to the store begins. */
  start(): void {
    this.#askingSinceMs = this.#clock.monotonicMs();
  }

  /** It was answered. */
  stop(): void {
    this.#leftMs = this.leftMs;
    this.#askingSinceMs = undefined;
  }

  /** Leaves nothing: the request asks no more. */
  exhaust(): void {
    this.#isExhausted = true;
  }
}
