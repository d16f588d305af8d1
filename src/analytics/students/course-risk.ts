import type { Course } from '../facts/course.js';
import type { EnrollmentStatus } from '../../records/enrollments/enrollment.entity.js';
import { phaseAt, riskFacts, type StudentRow } from '../facts/student-facts.js';
import { factorText } from '../risk/factor-text.js';
import { recommend, type WorkNamed } from '../risk/recommendations.js';
import type { FactorCode } from '../risk/risk-factors.js';
import type { RiskFacts } from '../risk/risk-facts.js';
import { assessRisk } from '../risk/risk-model.js';
import { rounded } from '../statistics.js';
import type { CourseRiskDto, RiskEvidenceDto, RiskFactorDto, RiskWeekDto } from './student-risk.dto.js';

/** What is known of one active enrollment. */
interface EnrollmentFigures {
  readonly row: StudentRow;
  readonly medianActiveDays: number | null;
  readonly work: WorkNamed;
  readonly trend: RiskWeekDto[];
}

/** The risk of an active enrollment. */
export function courseRisk(course: Course, asOf: Date, figures: EnrollmentFigures): CourseRiskDto {
  const { row, medianActiveDays, work, trend } = figures;
  const facts = riskFacts(row, course, asOf, medianActiveDays);
  const risk = assessRisk(facts);
  const factors = risk.factors.map(
    ({ code, weight, value, effectiveWeight, contribution }): RiskFactorDto => ({
      code,
      weight,
      value,
      effective_weight: effectiveWeight,
      contribution,
      evidence: evidence[code](facts),
      text: factorText(code, value, facts),
    }),
  );
  return {
    ...head(course, 'active', asOf),
    risk_score: risk.score,
    risk_level: risk.level,
    is_at_risk: risk.isAtRisk,
    confidence: risk.confidence,
    coverage: risk.coverage,
    factors,
    rules_fired: [...risk.rulesFired],
    recommendations: recommend(risk, work).map(({ activityIds, ...recommendation }) => ({
      ...recommendation,
      activity_ids: [...activityIds],
    })),
    trend,
    ai_dependency_score: factors.find(({ code }) => code === 'tutor_dependency')?.value ?? null,
    last_activity_at: row.last_activity_at === null ? null : new Date(row.last_activity_at).toISOString(),
    average_score: rounded(row.mean_score, 2),
  };
}

/** An enrollment that is over has no risk. */
export function endedCourseRisk(course: Course, status: EnrollmentStatus, asOf: Date): CourseRiskDto {
  return {
    ...head(course, status, asOf),
    risk_score: null,
    risk_level: null,
    is_at_risk: false,
    confidence: null,
    coverage: null,
    factors: [],
    rules_fired: [],
    recommendations: [],
    trend: [],
    ai_dependency_score: null,
    last_activity_at: null,
    average_score: null,
  };
}

function head(
  course: Course,
  status: EnrollmentStatus,
  asOf: Date,
): Pick<CourseRiskDto, 'course_id' | 'enrollment_status' | 'phase' | 'calibrated_probability'> {
  return {
    course_id: course.code,
    enrollment_status: status,
    phase: phaseAt(course, asOf),
    calibrated_probability: null,
  };
}

const evidence: Readonly<Record<FactorCode, (facts: RiskFacts) => RiskEvidenceDto>> = {
  missing_work: (facts) => ({
    due_count: facts.dueCount,
    missing_count: facts.missingCount,
    due_weight: facts.dueWeight,
    missing_weight: facts.missingWeight,
  }),
  low_scores: (facts) => ({ graded_count: facts.gradedCount, mean_score: rounded(facts.meanScore, 2) }),
  inactivity: (facts) => ({
    days_since_activity: rounded(facts.daysSinceActivity, 2),
    days_in: rounded(facts.daysIn, 2),
  }),
  low_engagement: (facts) => ({ active_days: facts.activeDays, median_active_days: facts.medianActiveDays }),
  late_work: (facts) => ({ submitted_count: facts.submittedWithDueCount, late_count: facts.lateCount }),
  tutor_dependency: (facts) => ({
    student_messages: facts.studentMessageCount,
    tutor_sessions: facts.tutorSessionCount,
    attempts: facts.attemptCount,
  }),
};
