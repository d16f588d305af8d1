import { daysAway, type FactorCode } from './risk-factors.js';
import type { RiskFacts } from './risk-facts.js';

/** Says in one sentence why a factor has its value. */
export function factorText(code: FactorCode, value: number | null, facts: RiskFacts): string {
  if (value === null) return notApplicable[code];
  switch (code) {
    case 'missing_work':
      return `${facts.missingCount} of ${facts.dueCount} due activities have no submission.`;
    case 'low_scores':
      return `The mean score of ${facts.gradedCount} graded activities is ${(facts.meanScore ?? 0).toFixed(1)} of 100.`;
    case 'inactivity':
      return facts.daysSinceActivity === null
        ? `Never active in ${daysAway(facts).toFixed(1)} days.`
        : `Last active ${facts.daysSinceActivity.toFixed(1)} days ago.`;
    case 'low_engagement':
      return `Active on ${facts.activeDays} of the last 14 days; half of the course on ${facts.medianActiveDays ?? 0} or more.`;
    case 'late_work':
      return `${facts.lateCount} of ${facts.submittedWithDueCount} submitted activities came after the due date.`;
    case 'tutor_dependency':
      return `${facts.studentMessageCount} messages to the tutor for ${facts.attemptCount} submissions.`;
  }
}

const notApplicable: Readonly<Record<FactorCode, string>> = {
  missing_work: 'Not applicable: nothing was due since the student enrolled.',
  low_scores: 'Not applicable: nothing is graded yet.',
  inactivity:
    'Not applicable: less than 3 days in, the course is over, or it has recorded no activity but submissions.',
  low_engagement:
    'Not applicable: first 7 days, or the course as a whole is quiet or has recorded no activity but submissions.',
  late_work: 'Not applicable: nothing with a due date since the student enrolled is submitted yet.',
  tutor_dependency: 'Not applicable: no submission or no tutor session yet.',
};
