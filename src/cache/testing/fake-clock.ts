import type { Clock } from '../engine/clock.js';

interface Task {
  readonly atMs: number;
  readonly run: () => void;
}

/** A clock that stands still until it is told to move: `CacheModule.forRoot({ clock })`. */
export class FakeClock implements Clock {
  #ms = 1_000_000;
  readonly #tasks = new Set<Task>();

  monotonicMs(): number {
    return this.#ms;
  }

  schedule(ms: number, run: () => void): () => void {
    const task = { atMs: this.#ms + ms, run };
    this.#tasks.add(task);
    return () => void this.#tasks.delete(task);
  }

  /** Lets time pass; what is due on the way runs at its time. */
  advance(ms: number): void {
    const end = this.#ms + ms;
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#tasks.delete(next);
      this.#ms = Math.max(this.#ms, next.atMs);
      next.run();
    }
    this.#ms = end;
  }

  #next(untilMs: number): Task | undefined {
    const due = [...this.#tasks].filter(({ atMs }) => atMs <= untilMs);
    return due.sort((a, b) => a.atMs - b.atMs)[0];
  }
}
