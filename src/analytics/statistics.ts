/** The value at `share` (0-1) of the sorted numbers, between two of them by linear interpolation (`percentile_cont`). */
export function quantile(sorted: readonly number[], share: number): number | null {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)];
  const above = sorted[Math.ceil(at)];
  return below === undefined || above === undefined ? null : below + (above - below) * (at - Math.floor(at));
}

export function median(numbers: readonly number[]): number | null {
  return quantile(inOrder(numbers), 0.5);
}

/** The median of whole numbers, given how often each occurs: `counts[n]` times `n`. */
export function medianOfCounts(counts: readonly number[]): number | null {
  const total = sum(counts);
  if (total === 0) return null;
  const at = (place: number) => {
    let seen = 0;
    return counts.findIndex((times) => (seen += times) > place);
  };
  return (at(Math.floor((total - 1) / 2)) + at(Math.floor(total / 2))) / 2;
}

export function mean(numbers: readonly number[]): number | null {
  return numbers.length === 0 ? null : sum(numbers) / numbers.length;
}

/** The mean of numbers with `decimals` decimals, rounded to as many: the same in whatever order they come. */
export function meanOfRounded(numbers: readonly number[], decimals: number): number | null {
  const factor = 10 ** decimals;
  const whole = mean(numbers.map((number) => Math.round(number * factor)));
  return whole === null ? null : Math.round(whole) / factor;
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

export function inOrder(numbers: readonly number[]): number[] {
  return [...numbers].sort((a, b) => a - b);
}

/** A share of a whole, 4 decimals; `null` if there is no whole. */
export function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : rounded(part / whole, 4);
}

export function rounded(number: number, decimals: number): number;
export function rounded(number: number | null, decimals: number): number | null;
export function rounded(number: number | null, decimals: number): number | null {
  const factor = 10 ** decimals;
  return number === null ? null : Math.round(number * factor) / factor;
}
