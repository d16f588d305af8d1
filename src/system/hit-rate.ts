/** @returns hits among all look-ups, 0 to 1 with 4 decimals; null before the first look-up */
export function hitRatio(hits: number, misses: number): number | null {
  const lookups = hits + misses;
  return lookups === 0 ? null : Math.round((hits / lookups) * 10_000) / 10_000;
}

/** The same as text, such as `87.50%`; `N/A` before the first look-up. */
export function hitRate(hits: number, misses: number): string {
  const lookups = hits + misses;
  return lookups === 0 ? 'N/A' : `${((hits / lookups) * 100).toFixed(2)}%`;
}
