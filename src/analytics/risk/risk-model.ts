import { type FactorCode, factorCodes, factorValues, factorWeights } from './risk-factors.js';
import type { RiskFacts } from './risk-facts.js';

/** Changes whenever the same facts could give another score. */
export const modelVersion = 'risk-1';

export const riskLevels = ['low', 'medium', 'high', 'critical', 'unknown'] as const;
export type RiskLevel = (typeof riskLevels)[number];
export const confidences = ['low', 'medium', 'high'] as const;
export type Confidence = (typeof confidences)[number];
export const riskRules = ['nothing_submitted'] as const;
export type RiskRule = (typeof riskRules)[number];

interface WeighedFactor {
  readonly code: FactorCode;
  readonly weight: number;
  /** 0-1; `null` if the factor does not apply */
  readonly value: number | null;
  /** share of the score after the others are left out; `null` if the factor does not apply */
  readonly effectiveWeight: number | null;
  /** part of the score, 4 decimals; those of all factors add up to the score */
  readonly contribution: number | null;
}

export interface Risk {
  /** 0-1, 4 decimals; `null` while too little is known */
  readonly score: number | null;
  readonly level: RiskLevel;
  readonly isAtRisk: boolean;
  readonly confidence: Confidence;
  /** sum of the weights of the factors that apply, 0-1 */
  readonly coverage: number;
  readonly factors: readonly WeighedFactor[];
  readonly rulesFired: readonly RiskRule[];
}

// Missing work, inactivity and engagement together. It holds the score down where few factors apply: of those that stand alone only
// missing work makes an alarm. How little a score rests on, `confidence` tells.
const leastWeight = 0.65;
const leastCoverage = 0.15;

/** Rates one enrollment: the weighted mean of the factors that apply. */
export function assessRisk(facts: RiskFacts): Risk {
  const values = factorValues(facts);
  const applicable = factorCodes.filter((code) => values[code] !== null);
  const coverage = round4(applicable.reduce((sum, code) => sum + factorWeights[code], 0));
  const divisor = Math.max(leastWeight, coverage);
  const parts = factorCodes.map((code) => ((values[code] ?? 0) * factorWeights[code]) / divisor);
  const isKnown = coverage >= leastCoverage;
  const score = isKnown ? round4(parts.reduce((sum, part) => sum + part, 0)) : null;
  const contributions = score === null ? undefined : roundTo(parts, score);
  const rulesFired = firedRules(facts);
  const level = levelOf(score, rulesFired);

  return {
    score,
    level,
    isAtRisk: level === 'high' || level === 'critical',
    confidence: confidenceOf(coverage, facts.dueCount),
    coverage,
    factors: factorCodes.map((code, i) => {
      const value = values[code];
      return {
        code,
        weight: factorWeights[code],
        value: value === null ? null : round4(value),
        effectiveWeight: value === null ? null : round4(factorWeights[code] / divisor),
        contribution: value === null ? null : (contributions?.[i] ?? null),
      };
    }),
    rulesFired,
  };
}

/** The factor that adds most to the score; `null` if none adds anything. */
export function topFactor(risk: Risk): FactorCode | null {
  let top: WeighedFactor | undefined;
  for (const factor of risk.factors) {
    if ((factor.contribution ?? 0) > (top?.contribution ?? 0)) top = factor;
  }
  return top?.code ?? null;
}

export function levelOf(score: number | null, rulesFired: readonly RiskRule[] = []): RiskLevel {
  if (score === null) return 'unknown';
  if (score >= 0.6) return 'critical';
  if (score >= 0.4 || rulesFired.length > 0) return 'high';
  return score >= 0.2 ? 'medium' : 'low';
}

function firedRules({ phase, dueCount, missingCount }: RiskFacts): RiskRule[] {
  return phase !== 'upcoming' && dueCount >= 2 && missingCount === dueCount ? ['nothing_submitted'] : [];
}

function confidenceOf(coverage: number, dueCount: number): Confidence {
  if (coverage < 0.5 || dueCount < 2) return 'low';
  return coverage >= 0.8 && dueCount >= 4 ? 'high' : 'medium';
}

export function round4(x: number): number {
  return Math.round(x * 10_000) / 10_000;
}

/** Rounds the parts to 4 decimals such that they still add up to the whole (largest remainder first). */
function roundTo(parts: readonly number[], whole: number): number[] {
  const scaled = parts.map((part) => part * 10_000);
  const rounded = scaled.map((part) => Math.floor(part));
  const short = Math.round(whole * 10_000) - rounded.reduce((sum, part) => sum + part, 0);
  const byRemainder = scaled
    .map((part, i) => ({ i, remainder: part - Math.floor(part) }))
    .sort((a, b) => b.remainder - a.remainder)
    .slice(0, short);
  for (const { i } of byRemainder) rounded[i] = (rounded[i] ?? 0) + 1;
  return rounded.map((part) => part / 10_000);
}
