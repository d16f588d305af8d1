import type { Clock } from './clock.js';

/** What the work behind an answer, for which nobody waits, may take for each question, ms. */
export const BACKGROUND_BUDGET_MS = 1000;

/**
 * What a question is given at least, ms. A process that stalls for longer than its budget has spent it without the store
 * being slow; if that made its requests run their methods, it would stall the more.
 */
const FLOOR_MS = 10;

/** A whole one, for what no request is charged with: questions behind the answers, and while another process is waited for. */
export type NewBudget = () => Budget;

/**
 * What one request may spend on waiting for the store, all its questions together. It runs only while one is asked: who
 * waits for a run, or for another process, has spent nothing. After a failure nothing is left.
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

  /** The store is asked. */
  start(): void {
    this.#askingSinceMs = this.#clock.monotonicMs();
  }

  /** It has answered. */
  stop(): void {
    this.#leftMs = this.leftMs;
    this.#askingSinceMs = undefined;
  }

  exhaust(): void {
    this.#isExhausted = true;
  }
}
