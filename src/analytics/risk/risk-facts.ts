export const coursePhases = ['upcoming', 'running', 'finished'] as const;

/** `upcoming` before the course starts, `finished` from its end on. */
export type CoursePhase = (typeof coursePhases)[number];

/**
 * The raw numbers of one enrollment at one moment: all that the model knows. Only published activities count,
 * banked work counts nowhere, voided attempts do not exist. Work that was due before the student enrolled was never due
 * for them.
 */
export interface RiskFacts {
  readonly phase: CoursePhase;
  /** whether the course has recorded any event or tutor session so far; where it has not, a missing trace says nothing */
  readonly isTraced: boolean;
  /** days since the later of enrollment and course start */
  readonly daysIn: number;
  /** required activities whose due date has passed, and the sum of their weights */
  readonly dueCount: number;
  readonly dueWeight: number;
  /** those of them without any submission */
  readonly missingCount: number;
  readonly missingWeight: number;
  /** activities whose latest attempt is graded, and their weighted mean score, 0-100 */
  readonly gradedCount: number;
  readonly meanScore: number | null;
  /** `null`: never active in this course */
  readonly daysSinceActivity: number | null;
  /** days (UTC) of the last 14 with any activity; own, and median of the course's active students */
  readonly activeDays: number;
  readonly medianActiveDays: number | null;
  /** activities with a due date that were submitted, and those whose first attempt came after it */
  readonly submittedWithDueCount: number;
  readonly lateCount: number;
  readonly tutorSessionCount: number;
  readonly studentMessageCount: number;
  /** submissions, every attempt counted */
  readonly attemptCount: number;
}
