import fc from 'fast-check';
import { factorCodes, factorValues, factorWeights } from './risk-factors.js';
import type { RiskFacts } from './risk-facts.js';
import { assessRisk, levelOf, topFactor } from './risk-model.js';

/** A student of three weeks who has done everything well, and has no use for a tutor. */
const perfect: RiskFacts = {
  phase: 'running',
  isTraced: true,
  daysIn: 21,
  dueCount: 4,
  dueWeight: 4,
  missingCount: 0,
  missingWeight: 0,
  gradedCount: 4,
  meanScore: 95,
  daysSinceActivity: 0.5,
  activeDays: 6,
  medianActiveDays: 4,
  submittedWithDueCount: 4,
  lateCount: 0,
  tutorSessionCount: 2,
  studentMessageCount: 4,
  attemptCount: 4,
};
const nothingYet = {
  gradedCount: 0,
  meanScore: null,
  submittedWithDueCount: 0,
  lateCount: 0,
  attemptCount: 0,
};
const noTutor = { tutorSessionCount: 0, studentMessageCount: 0 };
const noneDue = { dueCount: 0, dueWeight: 0 };

const vectors: [string, Partial<RiskFacts>, (number | null)[], number | null, string][] = [
  [
    'enrolled yesterday, nothing due',
    { ...nothingYet, ...noTutor, ...noneDue, daysIn: 1, daysSinceActivity: null, activeDays: 0 },
    [null, null, null, null, null, null],
    null,
    'unknown',
  ],
  [
    '2 of 2 due missing, 20 days away',
    {
      ...nothingYet,
      ...noTutor,
      dueCount: 2,
      dueWeight: 2,
      missingCount: 2,
      missingWeight: 2,
      daysSinceActivity: 20,
      activeDays: 0,
    },
    [1, null, 1, 1, null, null],
    1,
    'critical',
  ],
  [
    'present daily, 3 of 3 missing',
    { ...nothingYet, ...noTutor, dueCount: 3, dueWeight: 3, missingCount: 3, missingWeight: 3 },
    [1, null, 0, 0, null, null],
    0.6154,
    'critical',
  ],
  [
    '3 weeks in, never seen, nothing due yet',
    { ...nothingYet, ...noTutor, ...noneDue, daysSinceActivity: null, activeDays: 0 },
    [null, null, 1, 1, null, null],
    0.3846,
    'medium',
  ],
  [
    'all in, mean 60, 1 of 4 late, no tutor',
    { ...noTutor, meanScore: 60, lateCount: 1 },
    [0, 0.5, 0, 0, 0.25, null],
    0.1447,
    'low',
  ],
  [
    '1 of 4 missing, mean 45, 7 days away, 1 active day against 4',
    { ...noTutor, missingCount: 1, missingWeight: 1, meanScore: 45, daysSinceActivity: 7, activeDays: 1 },
    [0.25, 0.875, 0.3636, 0.75, 0, null],
    0.4719,
    'high',
  ],
  ['perfect, but 16 messages for 4 attempts', { studentMessageCount: 16 }, [0, 0, 0, 0, 0, 1], 0.05, 'low'],
  ['perfect', {}, [0, 0, 0, 0, 0, 0], 0, 'low'],
];

describe('the risk model', () => {
  it.each(vectors)('rates "%s" exactly', (_case, change, values, score, level) => {
    const risk = assessRisk({ ...perfect, ...change });

    expect(risk.factors.map((factor) => factor.value)).toEqual(values);
    expect(risk.score).toBe(score);
    expect(risk.level).toBe(level);
  });

  it('has weights that add up to 1', () => {
    expect(factorCodes.reduce((sum, code) => sum + Math.round(factorWeights[code] * 100), 0)).toBe(100);
  });

  it('shows contributions that add up to the score, whatever the facts', () => {
    fc.assert(
      fc.property(someFacts(), (facts) => {
        const { score, factors, coverage } = assessRisk(facts);
        const sum = factors.reduce(
          (total, factor) => total + Math.round((factor.contribution ?? 0) * 10_000),
          0,
        );

        expect(sum).toBe(Math.round((score ?? 0) * 10_000));
        if (score === null) expect(coverage).toBeLessThan(0.15);
        else expect(score).toBeGreaterThanOrEqual(0);
        expect(score ?? 0).toBeLessThanOrEqual(1);
        const exact = Object.entries(factorValues(facts)).reduce(
          (total, [code, value]) => total + factorWeights[code as keyof typeof factorWeights] * (value ?? 0),
          0,
        );
        if (score !== null) {
          // Rounded to four places, so half of the last may be off.
          const off = Math.abs(score - exact / Math.max(0.65, coverage));
          expect(off).toBeLessThanOrEqual(0.00005 + Number.EPSILON);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('never rates more missing work as less risk', () => {
    fc.assert(
      fc.property(someFacts(), (facts) => {
        fc.pre(facts.missingCount < facts.dueCount);
        const worse = { ...facts, missingCount: facts.missingCount + 1, missingWeight: facts.dueWeight };

        expect(assessRisk(worse).score ?? 0).toBeGreaterThanOrEqual(assessRisk(facts).score ?? 0);
      }),
    );
  });

  it.each([
    [0.1999, 'low'],
    [0.2, 'medium'],
    [0.3999, 'medium'],
    [0.4, 'high'],
    [0.5999, 'high'],
    [0.6, 'critical'],
  ])('calls %d %s', (score, level) => {
    expect(levelOf(score)).toBe(level);
  });

  it('leaves a factor without data out instead of counting it as 0', () => {
    const risk = assessRisk({ ...perfect, ...nothingYet, ...noTutor, ...noneDue, daysSinceActivity: 7 });

    expect(risk.coverage).toBe(0.25);
    expect(risk.factors[0]).toMatchObject({ value: null, effectiveWeight: null, contribution: null });
  });

  it('knows nothing when too few factors apply', () => {
    const risk = assessRisk({
      ...perfect,
      ...noneDue,
      gradedCount: 0,
      meanScore: null,
      phase: 'finished',
      medianActiveDays: 0,
    });

    expect(risk).toMatchObject({ score: null, level: 'unknown', coverage: 0.1, isAtRisk: false });
    expect(risk.factors.every((factor) => factor.contribution === null)).toBe(true);
  });

  it('weighs all due work the same when none of it has a weight', () => {
    const risk = assessRisk({ ...perfect, dueWeight: 0, missingCount: 1, missingWeight: 0 });

    expect(risk.factors[0]?.value).toBe(0.25);
  });

  it('ignores absence once the course is over', () => {
    const risk = assessRisk({
      ...perfect,
      phase: 'finished',
      daysSinceActivity: 200,
      activeDays: 0,
      medianActiveDays: 0,
    });

    expect(risk.factors.slice(2, 4).map((factor) => factor.value)).toEqual([null, null]);
  });

  it('rates nobody before the course starts', () => {
    const risk = assessRisk({
      ...perfect,
      phase: 'upcoming',
      daysIn: -3,
      dueCount: 2,
      dueWeight: 2,
      missingCount: 2,
      missingWeight: 2,
    });

    expect(risk).toMatchObject({ score: null, level: 'unknown', coverage: 0, rulesFired: [] });
  });

  it('takes nothing from absence in a course that has recorded nothing but submissions', () => {
    const absent = { ...perfect, daysSinceActivity: 20, activeDays: 0 };

    expect(factorValues(absent)).toMatchObject({ inactivity: 1, low_engagement: 1 });
    expect(factorValues({ ...absent, isTraced: false })).toEqual({
      ...factorValues(absent),
      inactivity: null,
      low_engagement: null,
    });
  });

  it('counts an absence from the start of the course at most', () => {
    expect(factorValues({ ...perfect, daysIn: 4, daysSinceActivity: 40 }).inactivity).toBeCloseTo(1 / 11);
  });

  it('does not compare a newcomer with the course before 7 days are over', () => {
    expect(factorValues({ ...perfect, daysIn: 6.9, activeDays: 0 }).low_engagement).toBeNull();
    expect(factorValues({ ...perfect, daysIn: 7, activeDays: 0 }).low_engagement).toBe(1);
  });

  it('has no tutor factor without sessions or without submissions', () => {
    expect(factorValues({ ...perfect, ...noTutor }).tutor_dependency).toBeNull();
    expect(factorValues({ ...perfect, attemptCount: 0 }).tutor_dependency).toBeNull();
  });

  it('names the rule when two or more activities are due and none is submitted', () => {
    const all = { ...perfect, dueCount: 2, dueWeight: 2, missingCount: 2, missingWeight: 2 };

    expect(assessRisk(all)).toMatchObject({ rulesFired: ['nothing_submitted'], isAtRisk: true });
    expect(assessRisk({ ...all, dueCount: 1, missingCount: 1 }).rulesFired).toEqual([]);
    expect(levelOf(0.1, ['nothing_submitted'])).toBe('high');
  });

  it.each([
    [{ dueCount: 1 }, 'low'],
    [{ dueCount: 2 }, 'medium'],
    [{ dueCount: 3 }, 'medium'],
    [{ dueCount: 4 }, 'high'],
    [{ ...nothingYet, ...noTutor, medianActiveDays: 0, phase: 'finished' as const }, 'low'],
    [{ ...nothingYet, ...noTutor }, 'medium'],
  ])('is as confident as its data allows: %j', (change, confidence) => {
    expect(assessRisk({ ...perfect, ...change }).confidence).toBe(confidence);
  });

  it('tells the factor that adds most, and none for a perfect student', () => {
    expect(topFactor(assessRisk({ ...perfect, meanScore: 45, lateCount: 1 }))).toBe('low_scores');
    expect(topFactor(assessRisk(perfect))).toBeNull();
  });
});

function someFacts(): fc.Arbitrary<RiskFacts> {
  const count = fc.nat(40);
  return fc
    .record({
      phase: fc.constantFrom('upcoming', 'running', 'finished'),
      isTraced: fc.boolean(),
      daysIn: fc.double({ min: -50, max: 400, noNaN: true }),
      dueCount: count,
      weightPerItem: fc.double({ min: 0, max: 50, noNaN: true }),
      missingShare: fc.double({ min: 0, max: 1, noNaN: true }),
      meanScore: fc.option(fc.double({ min: 0, max: 100, noNaN: true })),
      daysSinceActivity: fc.option(fc.double({ min: 0, max: 400, noNaN: true })),
      activeDays: fc.nat(14),
      medianActiveDays: fc.option(fc.nat(28).map((n) => n / 2)),
      submittedWithDueCount: count,
      lateShare: fc.double({ min: 0, max: 1, noNaN: true }),
      tutorSessionCount: count,
      studentMessageCount: fc.nat(500),
      attemptCount: count,
    })
    .map(({ weightPerItem, missingShare, lateShare, ...facts }): RiskFacts => {
      const missingCount = Math.floor(missingShare * facts.dueCount);
      return {
        ...facts,
        phase: facts.phase,
        dueWeight: weightPerItem * facts.dueCount,
        missingCount,
        missingWeight: weightPerItem * missingCount,
        gradedCount: facts.meanScore === null ? 0 : 1,
        lateCount: Math.floor(lateShare * facts.submittedWithDueCount),
      };
    });
}
