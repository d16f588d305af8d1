const dayMs = 86_400_000;

/** Monday 00:00 UTC of the week that `moment` is in. */
export function mondayOf(moment: Date): Date {
  const day = Math.floor(moment.getTime() / dayMs);
  // 1970-01-01 was a Thursday; the remainder of a negative number is negative.
  const weekday = (((day + 3) % 7) + 7) % 7;
  return new Date((day - weekday) * dayMs);
}

/** Mondays of the twelve ISO weeks that end with the one of `moment`, oldest first. */
export function twelveMondays(moment: Date): Date[] {
  const last = mondayOf(moment).getTime();
  return Array.from({ length: 12 }, (_, i) => new Date(last - (11 - i) * 7 * dayMs));
}

/** `2026-W06`, the ISO 8601 name of the week that starts on `monday`. */
export function isoWeek(monday: Date): string {
  // A week belongs to the year of its Thursday.
  const thursday = new Date(monday.getTime() + 3 * dayMs);
  const year = thursday.getUTCFullYear();
  const week = Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * dayMs)) + 1;
  return `${year}-W${String(week).padStart(2, '0')}`;
}

/** The last millisecond of the week that starts on `monday`. */
export function endOfWeek(monday: Date): Date {
  return new Date(monday.getTime() + 7 * dayMs - 1);
}
