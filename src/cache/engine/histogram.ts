/** The values counted up to now, by bucket. */
export interface HistogramCounts {
  /** Upper bounds, rising; each is part of its own bucket. */
  readonly bounds: readonly number[];
  /** Values in each bucket, and last those above every bound. */
  readonly counts: readonly number[];
  readonly count: number;
  readonly sum: number;
}

/** Counts values between fixed bounds, so that its size does not depend on their number. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #count = 0;
  #sum = 0;

  /** @param bounds upper bounds, rising */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    const found = this.#bounds.findIndex((bound) => value <= bound);
    const bucket = found === -1 ? this.#bounds.length : found;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count++;
    this.#sum += value;
  }

  /** A copy: what is observed later does not show in it. */
  read(): HistogramCounts {
    return { bounds: this.#bounds, counts: [...this.#counts], count: this.#count, sum: this.#sum };
  }
}

/**
 * The value below which this part of all values lies, if those of a bucket are spread evenly within it.
 *
 * @param part  0 to 1, such as 0.95
 * @returns at most the highest bound; `undefined` before the first value
 */
export function quantile({ bounds, counts, count }: HistogramCounts, part: number): number | undefined {
  if (count === 0) return undefined;
  let below = 0;
  for (const [bucket, upper] of bounds.entries()) {
    const inside = counts[bucket] ?? 0;
    if (inside > 0 && below + inside >= part * count) {
      const lower = bounds[bucket - 1] ?? 0;
      return lower + (upper - lower) * Math.max(0, (part * count - below) / inside);
    }
    below += inside;
  }
  return bounds.at(-1);
}
