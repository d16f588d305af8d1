import { factorCodes, type FactorCode } from './risk-factors.js';
import { recommend } from './recommendations.js';
import type { Risk } from './risk-model.js';

const work = { missingIds: ['A1', 'A2'], lowestIds: ['A3', 'A4', 'A5'] };

function rated(values: Partial<Record<FactorCode, number>>, score: number | null = 0.5): Risk {
  const factors = factorCodes.map((code) => ({
    code,
    weight: 0,
    value: values[code] ?? null,
    effectiveWeight: null,
    contribution: null,
  }));
  return { score, level: 'high', isAtRisk: true, confidence: 'high', coverage: 1, factors, rulesFired: [] };
}
const codes = (risk: Risk) => recommend(risk, work).map((recommendation) => recommendation.code);

describe('recommendations', () => {
  it.each<[Partial<Record<FactorCode, number>>, string[]]>([
    [{ missing_work: 0.5 }, ['contact_and_replan_deadlines']],
    [{ missing_work: 0.49 }, ['remind_open_work']],
    [{ missing_work: 0 }, []],
    [{ low_scores: 0.5 }, ['offer_tutoring']],
    [{ low_scores: 0.49 }, []],
    [{ inactivity: 0.3636 }, ['check_in']],
    [{ inactivity: 0.35 }, []],
    [{ low_engagement: 0.5, low_scores: 0 }, ['no_action_observe']],
    [{ low_engagement: 0.5, low_scores: 0.1 }, []],
    [{ low_engagement: 0.5 }, []],
    [{ tutor_dependency: 0.67 }, ['practice_without_hints']],
    [{ tutor_dependency: 0.66 }, []],
  ])('for %j are %j', (values, expected) => {
    expect(codes(rated(values))).toEqual(expected);
  });

  it('wait when the risk is unknown', () => {
    expect(codes(rated({ low_engagement: 1 }, null))).toEqual(['wait_for_data']);
  });

  it('name the open work and the two lowest activities', () => {
    const [open, tutoring] = recommend(rated({ missing_work: 0.3, low_scores: 1 }), work);

    expect(open).toMatchObject({
      activityIds: ['A1', 'A2'],
      text: 'Remind the student of the open work: A1, A2.',
    });
    expect(tutoring).toMatchObject({ activityIds: ['A3', 'A4'], priority: 'high' });
  });
});
