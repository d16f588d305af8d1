import type { CoursePhase, RiskFacts } from '../risk/risk-facts.js';

/**
 * A row of `students` in `enrollment-facts.sql.ts`. Counts of a course without published activities are `null`. Weights are
 * in thousandths.
 */
export interface StudentRow {
  course_id: number;
  user_id: number;
  student_id: string;
  student_name: string | null;
  in_since: string;
  /** published activities, without banked ones; those submitted, late, and due without a submission */
  published: number | null;
  published_submitted: number;
  published_late: number;
  published_missing: number | null;
  required: number | null;
  completed: number;
  due_required: number | null;
  completed_due: number;
  /** as in `RiskFacts`: without what was due before the student enrolled */
  due_count: number | null;
  due_weight: number;
  missing_count: number | null;
  missing_weight: number;
  late_count: number;
  submitted_with_due_count: number;
  /** submissions, every attempt counted */
  attempts: number;
  graded: number;
  /** mean score of the graded work by weight, 0-100; every work counts the same if none has a weight */
  mean_score: number | null;
  active_days: number;
  is_active_7d: boolean;
  sessions: number;
  minutes: number;
  messages: number;
  student_messages: number;
  hints: number;
  last_activity_at: string | null;
}

/** When a course runs, and since when it records what its students do. */
export interface CourseDates {
  startsAt: Date;
  endsAt: Date;
  /** the first event that counts as activity, or tutor session, ever; `null` if there was none */
  firstTraceAt: Date | null;
}

export function phaseAt(
  { startsAt, endsAt }: Pick<CourseDates, 'startsAt' | 'endsAt'>,
  asOf: Date,
): CoursePhase {
  if (asOf < startsAt) return 'upcoming';
  return asOf < endsAt ? 'running' : 'finished';
}

/** What the risk model wants to know. */
export function riskFacts(
  row: StudentRow,
  course: CourseDates,
  asOf: Date,
  medianActiveDays: number | null,
): RiskFacts {
  return {
    phase: phaseAt(course, asOf),
    isTraced: course.firstTraceAt !== null && course.firstTraceAt <= asOf,
    daysIn: daysBetween(row.in_since, asOf),
    dueCount: row.due_count ?? 0,
    dueWeight: row.due_weight / 1000,
    missingCount: row.missing_count ?? 0,
    missingWeight: row.missing_weight / 1000,
    gradedCount: row.graded,
    meanScore: row.mean_score,
    daysSinceActivity: row.last_activity_at === null ? null : daysBetween(row.last_activity_at, asOf),
    activeDays: row.active_days,
    medianActiveDays,
    submittedWithDueCount: row.submitted_with_due_count,
    lateCount: row.late_count,
    tutorSessionCount: row.sessions,
    studentMessageCount: row.student_messages,
    attemptCount: row.attempts,
  };
}

interface Tardiness {
  on_time: number;
  late: number;
  missing: number;
  floating: number;
  total: number;
}

/** How the published activities stand for one student; banked work is left out. */
export function tardiness(row: StudentRow): Tardiness {
  const { published_submitted: submitted, published_late: late } = row;
  const [total, missing] = [row.published ?? 0, row.published_missing ?? 0];
  return { on_time: submitted - late, late, missing, floating: total - submitted - missing, total };
}

function daysBetween(from: string, to: Date): number {
  return (to.getTime() - Date.parse(from)) / 86_400_000;
}
