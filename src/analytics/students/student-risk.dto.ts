import { ApiProperty } from '@nestjs/swagger';
import { Amount, Count, Instant, OneOf, Percent, Share } from '../../http/answer-fields.js';
import { type EnrollmentStatus, enrollmentStatuses } from '../../records/enrollments/enrollment.entity.js';
import {
  type Priority,
  priorities,
  type RecommendationCode,
  recommendationCodes,
} from '../risk/recommendations.js';
import { type FactorCode, factorCodes } from '../risk/risk-factors.js';
import { type CoursePhase, coursePhases } from '../risk/risk-facts.js';
import { AnswerTimes } from '../answer-times.dto.js';
import {
  type Confidence,
  confidences,
  type RiskLevel,
  riskLevels,
  type RiskRule,
  riskRules,
} from '../risk/risk-model.js';

const studentStatuses = ['not_started', 'in_progress', 'completed'] as const;
export type StudentStatus = (typeof studentStatuses)[number];

/** The raw numbers behind a factor; only those of that factor are there. */
export class RiskEvidenceDto {
  /**
   * `missing_work`: required activities that are due, without those due before the student enrolled
   * @example 4
   */
  @Count()
  due_count?: number;

  /**
   * `missing_work`: those of them without a submission
   * @example 1
   */
  @Count()
  missing_count?: number;

  /**
   * `missing_work`: sum of the weights of what is due
   * @example 4
   */
  @Amount()
  due_weight?: number;

  /**
   * `missing_work`: sum of the weights of what is missing
   * @example 1
   */
  @Amount()
  missing_weight?: number;

  /**
   * `low_scores`: activities with a grade
   * @example 3
   */
  @Count()
  graded_count?: number;

  /**
   * `low_scores`: their mean score by weight, 0-100; null without grades
   * @example 45
   */
  @Percent()
  mean_score?: number | null;

  /**
   * `inactivity`: days since the last activity in the course; null if never active
   * @example 7
   */
  @Amount()
  days_since_activity?: number | null;

  /**
   * `inactivity`: days since the later of enrollment and course start; negative before the course starts
   * @example 69.8
   */
  days_in?: number;

  /**
   * `low_engagement`: days (UTC) with any activity, of the last 14
   * @example 1
   */
  @Count()
  active_days?: number;

  /**
   * `low_engagement`: median of the same over the active students of the course, up to 30 s old when the answer was
   * computed, so up to 75 s in one that was kept; null without any
   * @example 4
   */
  @Amount()
  median_active_days?: number | null;

  /**
   * `late_work`: activities with a due date that were submitted, without those due before the student enrolled
   * @example 3
   */
  @Count()
  submitted_count?: number;

  /**
   * `late_work`: those of them whose first attempt, by `attempt_no`, was submitted after the due date
   * @example 0
   */
  @Count()
  late_count?: number;

  /**
   * `tutor_dependency`: messages of the student to the tutor
   * @example 12
   */
  @Count()
  student_messages?: number;

  /**
   * `tutor_dependency`: tutor sessions
   * @example 3
   */
  @Count()
  tutor_sessions?: number;

  /**
   * `tutor_dependency`: submissions, every attempt counted
   * @example 4
   */
  @Count()
  attempts?: number;
}

/** One of the six factors of risk. */
export class RiskFactorDto {
  /**
   * Which factor
   * @example "missing_work"
   */
  @OneOf('FactorCode', factorCodes)
  code!: FactorCode;

  /**
   * Its share when all factors apply, 0-1
   * @example 0.4
   */
  @Share()
  weight!: number;

  /**
   * Its risk, 0 (none) to 1; null if it does not apply. `inactivity` and `low_engagement` never apply in a course that
   * has recorded no event and no tutor session yet
   * @example 0.25
   */
  @Share()
  value!: number | null;

  /**
   * Its share here, after factors that do not apply are left out, 0-1; null if it does not apply
   * @example 0.4211
   */
  @Share()
  effective_weight!: number | null;

  /**
   * What it adds to the score, 0-1; those of all factors add up to it. Null if it does not apply or there is no score
   * @example 0.1053
   */
  @Share()
  contribution!: number | null;

  /** The raw numbers */
  evidence!: RiskEvidenceDto;

  /**
   * The same in a sentence
   * @example "1 of 4 due activities have no submission."
   */
  text!: string;
}

/** What a teacher could do; nothing is ever sent automatically. */
export class RecommendationDto {
  /**
   * Which recommendation
   * @example "remind_open_work"
   */
  @OneOf('RecommendationCode', recommendationCodes)
  code!: RecommendationCode;

  /**
   * The factor that gave rise to it; null if it is the lack of data
   * @example "missing_work"
   */
  @OneOf('FactorCode', factorCodes, { nullable: true })
  factor!: FactorCode | null;

  /**
   * How urgent it is
   * @example "medium"
   */
  @OneOf('Priority', priorities)
  priority!: Priority;

  /**
   * A sentence
   * @example "Remind the student of the open work: PROG-101-A4."
   */
  text!: string;

  /**
   * The activities it means
   * @example ["PROG-101-A4"]
   */
  activity_ids!: string[];
}

/** The risk at the end of one ISO week, or now for the present one. */
export class RiskWeekDto {
  /**
   * ISO 8601 week
   * @example "2026-W06"
   */
  week!: string;

  /**
   * Risk by the same model, 0-1; null while too little was known
   * @example 0.4719
   */
  @Share()
  score!: number | null;
}

/** The risk of a student in one course. */
export class CourseRiskDto {
  /**
   * The course
   * @example "PROG-101"
   */
  course_id!: string;

  /**
   * The enrollment at that moment; only an active one has a risk
   * @example "active"
   */
  @OneOf('EnrollmentStatus', enrollmentStatuses)
  enrollment_status!: EnrollmentStatus;

  /**
   * Whether the course has yet to start, runs or is over
   * @example "running"
   */
  @OneOf('CoursePhase', coursePhases)
  phase!: CoursePhase;

  /**
   * Risk, 0-1: weighted mean of the factors that apply, by weights that were chosen, not validated; no probability. Null
   * while too little is known, or if not active
   * @example 0.4719
   */
  @Share()
  risk_score!: number | null;

  /**
   * low < 0.20 <= medium < 0.40 <= high < 0.60 <= critical; `unknown` while too little is known; null if not active
   * @example "high"
   */
  @OneOf('RiskLevel', riskLevels, { nullable: true })
  risk_level!: RiskLevel | null;

  /**
   * Whether the level is high or critical. That is precise, but until late in the course it misses most of those who fail
   * later: the list to work through is that of medium and above
   * @example true
   */
  is_at_risk!: boolean;

  /**
   * How far to trust the score; null if not active
   * @example "high"
   */
  @OneOf('Confidence', confidences, { nullable: true })
  confidence!: Confidence | null;

  /**
   * Sum of the weights of the factors that apply, 0-1; null if not active
   * @example 0.95
   */
  @Share()
  coverage!: number | null;

  /** All six factors, also those that do not apply; none if not active */
  factors!: RiskFactorDto[];

  /**
   * Rules that hold the level up: `nothing_submitted` (two or more activities due since the
   * student enrolled, none submitted: at least high)
   * @example []
   */
  @ApiProperty({ enum: riskRules, isArray: true })
  rules_fired!: RiskRule[];

  /** What a teacher could do */
  recommendations!: RecommendationDto[];

  /**
   * Probability of failing; always null: nothing calibrates the model to an institution yet
   * @example null
   */
  @Share()
  calibrated_probability!: number | null;

  /** Twelve ISO weeks at most, from enrollment or course start on, the oldest first; none if not active */
  trend!: RiskWeekDto[];

  /**
   * Risk of the factor `tutor_dependency`, 0-1; null if it does not apply, or if not active
   * @example 0.2222
   */
  @Share()
  ai_dependency_score!: number | null;

  /**
   * Last activity in the course (UTC); null if there was none, or if the enrollment is not active: that of before its end is
   * told at a moment when it was
   * @example "2026-01-29T18:52:18.000Z"
   */
  @Instant()
  last_activity_at!: string | null;

  /**
   * Mean score of the graded work by weight, 0-100; null without grades, or if the enrollment is not active
   * @example 45
   */
  @Percent()
  average_score!: number | null;
}

/**
 * The risk of a student: overall, and for each course asked for. One shape with and without `course_id`. Risk is 0-1,
 * scores of work 0-100; what is undefined is null, never 0. At a past moment only what had happened by then counts; but
 * publication, weights, due dates, corrected grades and voided attempts have no history, and count as they are today.
 */
export class StudentRiskDto extends AnswerTimes {
  /**
   * The student
   * @example "STU001"
   */
  student_id!: string;

  /**
   * Full name; null if not known
   * @example "Ada Lovelace"
   */
  student_name!: string | null;

  /**
   * Email address; null if not known
   * @example "stu001@example.org"
   */
  email!: string | null;

  /**
   * The course asked for; null for all courses
   * @example "PROG-101"
   */
  course_id!: string | null;

  /**
   * How far the student is in the active courses: `not_started` without any activity there, also where no course is
   * active (any more); `completed` when all their required activities are submitted
   * @example "in_progress"
   */
  @OneOf('StudentStatus', studentStatuses)
  status!: StudentStatus;

  /**
   * The highest risk of the courses, 0-1 (a mean would hide a failing course); null if none is known
   * @example 0.4719
   */
  @Share()
  risk_score!: number | null;

  /**
   * Its level; `unknown` while too little is known in any course; null without an active enrollment
   * @example "high"
   */
  @OneOf('RiskLevel', riskLevels, { nullable: true })
  risk_level!: RiskLevel | null;

  /**
   * Whether the level is high or critical
   * @example true
   */
  is_at_risk!: boolean;

  /**
   * Time in tutor sessions in the active courses, minutes; at most 240 a session, overlaps counted once, also between courses
   * @example 295.2
   */
  @Amount()
  time_spent_minutes!: number;

  /**
   * Required published activities of the active courses with a submission
   * @example 3
   */
  @Count()
  exercises_completed!: number;

  /**
   * Required published activities of the active courses
   * @example 8
   */
  @Count()
  total_exercises!: number;

  /**
   * The one divided by the other, 0-1; null if there are none
   * @example 0.375
   */
  @Share()
  completion_rate!: number | null;

  /**
   * Last activity in the active courses (UTC); null if there was none, or if no course is active
   * @example "2026-01-29T18:52:18.000Z"
   */
  @Instant()
  last_activity_at!: string | null;

  /**
   * Submissions for each activity that was attempted; null without any
   * @example 1.33
   */
  @Amount()
  average_attempts!: number | null;

  /**
   * The highest dependency on the tutor of the courses, 0-1; null if it applies to none
   * @example 0.2222
   */
  @Share()
  ai_dependency_score!: number | null;

  /** The course asked for, or every course with an active enrollment, by id */
  courses!: CourseRiskDto[];
}
