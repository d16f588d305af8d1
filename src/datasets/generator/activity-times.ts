import { absence } from './plan-work.js';
import { elementAt } from './element-at.js';
import { dayMs, type Plan, type PlannedEnrollment } from './plan.js';
import type { Random } from './random.js';
import { along, hourOfDay, shareOut, weekdays } from './shapes.js';

/** Part of a day in which something happens, with how many things. */
interface ActiveDay {
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
}

/**
 * Spreads `count` things over at most `wantedDays` days of a student's time in the course: more on weekdays and
 * before deadlines. Days come in order; their counts add up to `count`.
 */
export function activeDays(
  plan: Plan,
  enrollment: PlannedEnrollment,
  random: Random,
  count: number,
  wantedDays: number,
): ActiveDay[] {
  const days = daysOf(plan, enrollment);
  const reach: number[] = [];
  let sum = 0;
  for (const day of days) reach.push((sum += day.weight));

  // One point in each of `points` equal stretches of the summed weights: spread out, yet at random.
  const points = Math.max(1, Math.min(wantedDays, count, days.length));
  const chosen: number[] = [];
  let index = 0;
  for (let point = 0; point < points; point++) {
    const at = ((point + random.next()) * sum) / points;
    while (index < days.length - 1 && (reach[index] ?? 0) <= at) index++;
    if (chosen.at(-1) !== index) chosen.push(index);
  }
  if (enrollment.kind === 'returning' && chosen.at(-1) !== days.length - 1) chosen.push(days.length - 1);

  const counts = shareOut(
    count,
    chosen.map(() => random.between(0.3, 1.7)),
  );
  return chosen.flatMap((place, order) => {
    const day = elementAt(days, place);
    const dayCount = counts[order] ?? 0;
    return dayCount > 0 ? [{ fromMs: day.fromMs, toMs: day.toMs, count: dayCount }] : [];
  });
}

/** A time within an active day, by the daily rhythm. */
export function timeWithin(day: ActiveDay, random: Random): number {
  return Math.floor(day.fromMs + (along(hourOfDay, random.next()) / 24) * (day.toMs - day.fromMs));
}

interface Day {
  readonly fromMs: number;
  readonly toMs: number;
  readonly weight: number;
}

function daysOf(plan: Plan, enrollment: PlannedEnrollment): Day[] {
  const { fromMs, toMs, course, kind } = enrollment;
  const away = kind === 'returning' ? absence(plan.asOfMs) : undefined;
  const days: Day[] = [];
  for (let startMs = Math.floor(fromMs / dayMs) * dayMs; startMs < toMs; startMs += dayMs) {
    const day = { fromMs: Math.max(startMs, fromMs), toMs: Math.min(startMs + dayMs, toMs) };
    if (away && day.toMs > away.fromMs) continue;
    const isBeforeDeadline = course.activities.some(
      ({ dueAtMs }) => dueAtMs >= startMs && dueAtMs < startMs + 3 * dayMs,
    );
    const weekday = weekdays[new Date(startMs).getUTCDay()] ?? 1;
    const part = (day.toMs - day.fromMs) / dayMs;
    days.push({ ...day, weight: weekday * part * (isBeforeDeadline ? 2.2 : 1) });
  }
  if (away) days.push({ fromMs: away.toMs, toMs: plan.asOfMs, weight: 0.1 });
  return days;
}
