import type { StudentRow } from '../facts/student-facts.js';
import { ratio, rounded, sum } from '../statistics.js';
import type { CourseRiskDto, StudentRiskDto, StudentStatus } from './student-risk.dto.js';
import { type Enrollment, rowsNow, type StudentSnapshot } from './student-snapshot.js';

type Overall = Omit<
  StudentRiskDto,
  'course_id' | 'courses' | 'next_deadline_at' | 'as_of' | 'generated_at' | 'model_version'
>;

/** What the active courses come to; `courses` are all that the answer shows. */
export function overallRisk(snapshot: StudentSnapshot, courses: readonly CourseRiskDto[]): Overall {
  const { student } = snapshot;
  const rows = rowsNow(snapshot);
  const add = (count: (row: StudentRow) => number | null) => sum(rows.map((row) => count(row) ?? 0));
  const completed = add((row) => row.completed);
  const required = add((row) => row.required);
  const attempted = add((row) => row.published_submitted);
  const lastActivityAt = highest(courses.map((course) => course.last_activity_at));
  const worst = worstOf(courses);
  return {
    student_id: student.code,
    student_name: student.name,
    email: student.email,
    status: statusOf(completed, required, lastActivityAt !== null),
    risk_score: worst?.risk_score ?? null,
    risk_level: worst?.risk_level ?? null,
    is_at_risk: courses.some((course) => course.is_at_risk),
    time_spent_minutes: rounded(snapshot.minutes, 1),
    exercises_completed: completed,
    total_exercises: required,
    completion_rate: ratio(completed, required),
    last_activity_at: lastActivityAt,
    average_attempts: attempted === 0 ? null : rounded(add((row) => row.attempts) / attempted, 2),
    ai_dependency_score: highest(courses.map((course) => course.ai_dependency_score)),
  };
}

/** The course with the highest score; one with any level before one with none. */
function worstOf(courses: readonly CourseRiskDto[]): CourseRiskDto | undefined {
  return courses
    .filter(({ risk_level }) => risk_level !== null)
    .sort((a, b) => (b.risk_score ?? -1) - (a.risk_score ?? -1))[0];
}

function statusOf(completed: number, required: number, wasActive: boolean): StudentStatus {
  if (required > 0 && completed === required) return 'completed';
  return completed > 0 || wasActive ? 'in_progress' : 'not_started';
}

function highest<T extends string | number>(values: readonly (T | null)[]): T | null {
  return values.reduce((max, value) => (value !== null && (max === null || value > max) ? value : max), null);
}

/** The next deadline in any of the courses. */
export function firstDeadline(enrollments: readonly Enrollment[]): string | null {
  const deadlines = enrollments.map(({ course }) => course.nextDeadlineAt?.getTime() ?? Infinity);
  const first = Math.min(...deadlines);
  return Number.isFinite(first) ? new Date(first).toISOString() : null;
}
