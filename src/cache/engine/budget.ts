import type { Clock } from './clock.js';

/** What one request may spend on waiting for the store, all its calls together. After a failure nothing is left. */
export class Budget {
  readonly #clock: Clock;
  #endsAtMs: number;

  constructor(clock: Clock, budgetMs: number) {
    this.#clock = clock;
    this.#endsAtMs = clock.monotonicMs() + budgetMs;
  }

  get leftMs(): number {
    return Math.max(0, this.#endsAtMs - this.#clock.monotonicMs());
  }

  exhaust(): void {
    this.#endsAtMs = -Infinity;
  }
}
