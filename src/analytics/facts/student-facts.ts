import type { CoursePhase, RiskFacts } from '../risk/risk-facts.js';

/** A row of `students` in `enrollment-facts.sql.ts`: counts are `null` where there is nothing to count. */
export interface StudentRow {
  course_id: number;
  user_id: number;
  student_id: string;
  student_name: string | null;
  in_since: string;
  activities: number | null;
  due: number | null;
  required: number | null;
  due_required: number | null;
  due_required_weight: number | null;
  completed: number | null;
  completed_due: number | null;
  attempts: number | null;
  attempted: number | null;
  banked: number | null;
  banked_due: number | null;
  submitted_due: number | null;
  banked_due_required: number | null;
  submitted_due_required: number | null;
  banked_due_weight: number | null;
  submitted_due_weight: number | null;
  late: number | null;
  with_due: number | null;
  graded: number | null;
  score_sum: number | null;
  weighted_score_sum: number | null;
  graded_weight: number | null;
  active_days: number | null;
  is_active_7d: boolean | null;
  sessions: number | null;
  messages: number | null;
  student_messages: number | null;
  hints: number | null;
  last_activity_at: string | null;
}

/** When a course runs. */
export interface CourseDates {
  startsAt: Date;
  endsAt: Date;
}

export function phaseAt({ startsAt, endsAt }: CourseDates, asOf: Date): CoursePhase {
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
  const dueCount = (row.due_required ?? 0) - (row.banked_due_required ?? 0);
  const dueWeight = (row.due_required_weight ?? 0) - (row.banked_due_weight ?? 0);
  return {
    phase: phaseAt(course, asOf),
    daysIn: daysBetween(row.in_since, asOf),
    dueCount,
    dueWeight: dueWeight / 1000,
    missingCount: dueCount - (row.submitted_due_required ?? 0),
    missingWeight: (dueWeight - (row.submitted_due_weight ?? 0)) / 1000,
    gradedCount: row.graded ?? 0,
    meanScore: meanScore(row),
    daysSinceActivity: row.last_activity_at === null ? null : daysBetween(row.last_activity_at, asOf),
    activeDays: row.active_days ?? 0,
    medianActiveDays,
    submittedWithDueCount: row.with_due ?? 0,
    lateCount: row.late ?? 0,
    tutorSessionCount: row.sessions ?? 0,
    studentMessageCount: row.student_messages ?? 0,
    attemptCount: row.attempts ?? 0,
  };
}

/** Mean score of the graded work by weight, 0-100; every work counts the same if none has a weight. */
export function meanScore(row: StudentRow): number | null {
  if (!row.graded) return null;
  const hundredths = row.graded_weight
    ? (row.weighted_score_sum ?? 0) / row.graded_weight
    : (row.score_sum ?? 0) / row.graded;
  return hundredths / 100;
}

export interface Tardiness {
  on_time: number;
  late: number;
  missing: number;
  floating: number;
  total: number;
}

/** How the published activities stand for one student; banked work is left out. */
export function tardiness(row: StudentRow): Tardiness {
  const total = (row.activities ?? 0) - (row.banked ?? 0);
  const missing = (row.due ?? 0) - (row.banked_due ?? 0) - (row.submitted_due ?? 0);
  const late = row.late ?? 0;
  const submitted = row.attempted ?? 0;
  return { on_time: submitted - late, late, missing, floating: total - submitted - missing, total };
}

function daysBetween(from: string, to: Date): number {
  return (to.getTime() - Date.parse(from)) / 86_400_000;
}
