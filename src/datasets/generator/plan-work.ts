import type { PlannedActivity } from './plan-activities.js';
import { dayMs, type Plan, type PlannedEnrollment } from './plan.js';
import { Random } from './random.js';
import { along, latenessDaysOfZ, missingOfDiligence, scoreOfZ, shareOut } from './shapes.js';

/** A first submission, and how many more attempts follow it. */
export interface PlannedWork {
  readonly enrollment: PlannedEnrollment;
  readonly activity: PlannedActivity;
  readonly submittedAtMs: number;
  readonly score: number;
  attempts: number;
}

/** What each student handed in, in the order of the enrollments. The attempts add up to the preset's submissions. */
export function planWork(plan: Plan): PlannedWork[] {
  const work = plan.enrollments.flatMap((enrollment) => firstSubmissions(plan, enrollment));
  const again = plan.preset.submissions - work.length;
  if (again < 0) throw new Error(`${work.length} first submissions, more than ${plan.preset.submissions}`);
  // Low scores are tried again.
  const extra = shareOut(
    again,
    work.map((one) => 105 - one.score),
  );
  for (const [index, one] of work.entries()) one.attempts += extra[index] ?? 0;
  return work;
}

function firstSubmissions(plan: Plan, enrollment: PlannedEnrollment): PlannedWork[] {
  const { course, kind, ability, diligence, id } = enrollment;
  if (enrollment.activityWeight === 0) return [];
  const lastDueMs = enrollment.leftAtMs ?? Infinity;
  const gap = kind === 'returning' ? absence(plan.asOfMs) : undefined;
  const work: PlannedWork[] = [];
  for (const activity of course.activities) {
    const random = new Random(plan.seed, 'submissions', `${id}/${activity.id}`);
    const isHandedIn = !random.chance(along(missingOfDiligence, diligence));
    const lateness = along(latenessDaysOfZ, 0.9 * random.normal() - 0.3 * diligence + 0.25);
    // Student effect 12 points, noise 14: successive scores correlate at 0.44.
    const score = Math.round(along(scoreOfZ, 0.68 * ability + 0.8 * random.normal()));
    const earlier = lateness <= 0 ? 0.4 * random.next() : 0;

    const isPerfect = kind === 'perfect';
    const wantedMs = activity.dueAtMs + (isPerfect ? -1 : lateness - earlier) * dayMs;
    const submittedAtMs = Math.floor(Math.max(wantedMs, activity.opensAtMs, enrollment.fromMs) + 1);
    if (activity.status === 'draft' || activity.dueAtMs > lastDueMs) continue;
    if (submittedAtMs > enrollment.toMs || (gap && submittedAtMs > gap.fromMs)) continue;
    if (!isHandedIn && !isPerfect) continue;
    work.push({ enrollment, activity, submittedAtMs, score: isPerfect ? 100 : score, attempts: 1 });
  }
  return work;
}

/** When the student who returns after 20 days was away. */
export function absence(asOfMs: number): { fromMs: number; toMs: number } {
  return { fromMs: asOfMs - 20 * dayMs, toMs: asOfMs - dayMs / 12 };
}
