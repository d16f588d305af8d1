const dayMs = 86_400_000;

/** The midnight (UTC) at which the day of `moment` began. */
export function utcMidnightBefore(moment: Date): Date {
  return new Date(Math.floor(moment.getTime() / dayMs) * dayMs);
}

/**
 * How long an answer that counts "today" may be kept: it ends with the day.
 *
 * @param longest  seconds it may be kept otherwise
 * @returns whole seconds, at least 1
 */
export function secondsWithinUtcDay(computedAt: Date, longest: number): number {
  const leftMs = utcMidnightBefore(computedAt).getTime() + dayMs - computedAt.getTime();
  return Math.max(1, Math.min(longest, Math.floor(leftMs / 1000)));
}
