import type { FactorCode } from './risk-factors.js';
import type { Risk } from './risk-model.js';

export const recommendationCodes = [
  'contact_and_replan_deadlines',
  'remind_open_work',
  'offer_tutoring',
  'check_in',
  'no_action_observe',
  'practice_without_hints',
  'wait_for_data',
] as const;
export type RecommendationCode = (typeof recommendationCodes)[number];
export const priorities = ['high', 'medium', 'low'] as const;
export type Priority = (typeof priorities)[number];

interface Recommendation {
  readonly code: RecommendationCode;
  /** the factor that gave rise to it; `null` for `wait_for_data` */
  readonly factor: FactorCode | null;
  readonly priority: Priority;
  readonly text: string;
  /** the activities meant */
  readonly activityIds: readonly string[];
}

/** Which activities the texts name. */
export interface WorkNamed {
  /** required, due and without a submission; the oldest deadline first */
  readonly missingIds: readonly string[];
  /** the graded activities with the lowest scores, the lowest first */
  readonly lowestIds: readonly string[];
}

/** What a teacher could do. Nothing is ever sent automatically. */
export function recommend(risk: Risk, work: WorkNamed): Recommendation[] {
  if (risk.score === null) {
    return [of('wait_for_data', null, 'low', 'Too little is known yet to judge; look again in a few days.')];
  }
  const values = new Map(risk.factors.map((factor) => [factor.code, factor.value]));
  const value = (code: FactorCode) => values.get(code) ?? 0;
  const hasGoodScores = values.get('low_scores') === 0;
  const lowestIds = work.lowestIds.slice(0, 2);
  const found: Recommendation[] = [];

  if (value('missing_work') >= 0.5) {
    const text = 'Contact the student and agree on new dates for the missing work';
    found.push(of('contact_and_replan_deadlines', 'missing_work', 'high', text, work.missingIds));
  } else if (value('missing_work') > 0) {
    found.push(
      of(
        'remind_open_work',
        'missing_work',
        'medium',
        'Remind the student of the open work',
        work.missingIds,
      ),
    );
  }
  if (value('low_scores') >= 0.5) {
    const text = 'Offer tutoring on the activities with the lowest scores';
    found.push(of('offer_tutoring', 'low_scores', 'high', text, lowestIds));
  }
  if (value('inactivity') >= 0.36) {
    found.push(of('check_in', 'inactivity', 'medium', 'Ask the student how it is going.'));
  }
  if (value('low_engagement') >= 0.5 && hasGoodScores) {
    const text = 'Seldom here but with good scores: no action, only observe.';
    found.push(of('no_action_observe', 'low_engagement', 'low', text));
  }
  if (value('tutor_dependency') >= 0.67) {
    const text = 'Suggest practising some exercises without hints from the tutor.';
    found.push(of('practice_without_hints', 'tutor_dependency', 'low', text));
  }
  return found;
}

function of(
  code: RecommendationCode,
  factor: FactorCode | null,
  priority: Priority,
  sentence: string,
  activityIds: readonly string[] = [],
): Recommendation {
  const text = activityIds.length > 0 ? `${sentence}: ${activityIds.join(', ')}.` : sentence;
  return { code, factor, priority, text, activityIds };
}
