import type { Round } from './rounds.js';

/** @param sorted  ascending */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** The middle one, or the mean of the two in the middle. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/**
 * How many bunches they come in.
 *
 * @param ascending  times
 * @param gap        what lies further apart than this belongs to two of them
 */
export function bunches(ascending: readonly number[], gap: number): number {
  return ascending.filter((time, i) => time - (ascending[i - 1] ?? -Infinity) > gap).length;
}

/** A median with what it stands for. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(numbers: readonly number[]): Spread {
  return { median: median(numbers), min: Math.min(...numbers), max: Math.max(...numbers) };
}

/**
 * How `ours` relate to `theirs`, round by round: what disturbs the machine for longer than a round disturbs both.
 *
 * @param figure  of a sample, what is compared
 */
export function ratios<Sample>(rounds: readonly Round<Sample>[], figure: (sample: Sample) => number): Spread {
  const of = (samples: readonly Sample[]) => median(samples.map(figure));
  return spread(rounds.map(({ ours, theirs }) => of(ours) / of(theirs)));
}
