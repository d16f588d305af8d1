import type { RiskFacts } from './risk-facts.js';

export const factorCodes = [
  'missing_work',
  'low_scores',
  'inactivity',
  'low_engagement',
  'late_work',
  'tutor_dependency',
] as const;
export type FactorCode = (typeof factorCodes)[number];

/** Share of the whole each factor has, before factors that do not apply are left out. */
export const factorWeights: Readonly<Record<FactorCode, number>> = {
  missing_work: 0.4,
  low_scores: 0.25,
  inactivity: 0.15,
  low_engagement: 0.1,
  late_work: 0.05,
  tutor_dependency: 0.05,
};

/** The risk of each factor, 0 (none) to 1; `null` where it does not apply. */
type FactorValues = Readonly<Record<FactorCode, number | null>>;

const noFactor: FactorValues = {
  missing_work: null,
  low_scores: null,
  inactivity: null,
  low_engagement: null,
  late_work: null,
  tutor_dependency: null,
};

export function factorValues(facts: RiskFacts): FactorValues {
  if (facts.phase === 'upcoming') return noFactor;
  return {
    missing_work: missingWork(facts),
    low_scores: facts.meanScore === null ? null : clip((80 - facts.meanScore) / 40),
    inactivity: inactivity(facts),
    low_engagement: lowEngagement(facts),
    late_work: facts.submittedWithDueCount === 0 ? null : facts.lateCount / facts.submittedWithDueCount,
    tutor_dependency: tutorDependency(facts),
  };
}

function missingWork({ dueCount, dueWeight, missingCount, missingWeight }: RiskFacts): number | null {
  if (dueCount === 0) return null;
  // Courses in which only the exam has a weight: then every due item weighs the same.
  return dueWeight > 0 ? missingWeight / dueWeight : missingCount / dueCount;
}

function inactivity(facts: RiskFacts): number | null {
  if (!facts.isTraced || facts.phase === 'finished') return null;
  if (facts.daysSinceActivity === null && facts.daysIn < 3) return null;
  return clip((daysAway(facts) - 3) / 11);
}

/** A look at the material before the course began must not count as a longer absence than no look at all. */
export function daysAway({ daysSinceActivity, daysIn }: RiskFacts): number {
  return daysSinceActivity === null ? daysIn : Math.min(daysSinceActivity, daysIn);
}

function lowEngagement({ isTraced, activeDays, medianActiveDays, daysIn }: RiskFacts): number | null {
  if (!isTraced || !medianActiveDays || daysIn < 7) return null;
  return clip(1 - activeDays / medianActiveDays);
}

function tutorDependency({ attemptCount, tutorSessionCount, studentMessageCount }: RiskFacts): number | null {
  if (attemptCount === 0 || tutorSessionCount === 0) return null;
  return clip((studentMessageCount / attemptCount - 1) / 3);
}

function clip(x: number): number {
  return Math.min(1, Math.max(0, x));
}
