import type { Plan, PlannedEnrollment } from './plan.js';
import type { PlannedWork } from './plan-work.js';
import { Random } from './random.js';

export interface Outcome {
  readonly status: 'active' | 'completed' | 'failed' | 'dropped';
  readonly endedAtMs: number | null;
  readonly result: 'pass' | 'fail' | 'withdrawn' | 'distinction' | null;
}

// A third of those who stay fail, one in eight of them passes with distinction, as in OULAD.
const failBelow = 55;
const distinctionFrom = 90;
// What the work does not tell: with it, work done in the first third ranks the failures at an AUC near 0.77.
const untoldPoints = 19;

/** How a student's course ended: by leaving, or by what they handed in and a good share of chance. */
export function outcomeOf(plan: Plan, enrollment: PlannedEnrollment, work: readonly PlannedWork[]): Outcome {
  const { course, id, kind, leftAtMs } = enrollment;
  if (leftAtMs !== null) return { status: 'dropped', endedAtMs: leftAtMs, result: 'withdrawn' };
  if (course.endsAtMs > plan.asOfMs) return { status: 'active', endedAtMs: null, result: null };

  const total = work.reduce((sum, one) => sum + one.score, 0);
  const points =
    total / course.activities.length + untoldPoints * new Random(plan.seed, 'outcomes', id).normal();
  const ended = { endedAtMs: course.endsAtMs };
  if (points < failBelow && kind !== 'perfect') return { status: 'failed', ...ended, result: 'fail' };
  return { status: 'completed', ...ended, result: points >= distinctionFrom ? 'distinction' : 'pass' };
}
