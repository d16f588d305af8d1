import type { Clock } from '../../src/cache/index.js';

/** A clock that stands still until it is told to move. */
export class FakeClock implements Clock {
  #ms = Date.UTC(2026, 1, 5, 18, 52, 18);

  nowMs(): number {
    return this.#ms;
  }

  monotonicMs(): number {
    return this.#ms;
  }

  advance(ms: number): void {
    this.#ms += ms;
  }
}
