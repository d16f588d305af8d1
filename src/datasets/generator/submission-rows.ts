import { dayMs, type Plan } from './plan.js';
import type { PlannedWork } from './plan-work.js';
import { Random } from './random.js';
import { type Cell, type TableRows, timestamp } from './table-rows.js';

const columns = [
  'id',
  'user_id',
  'activity_id',
  'attempt_no',
  'submitted_at',
  'due_at_effective',
  'status',
  'score',
  'graded_at',
  'graded_by',
  'is_final',
  'client_id',
  'created_at',
];

/** Every attempt. Exercises and quizzes are graded at once, the rest by the teacher within ten days. */
export function submissionRows(plan: Plan, work: readonly PlannedWork[]): TableRows {
  return { table: 'submissions', columns, rowCount: plan.preset.submissions, rows: attempts(plan, work) };
}

function* attempts(plan: Plan, work: readonly PlannedWork[]): Generator<Cell[]> {
  let id = 0;
  for (const { enrollment, activity, attempts, ...first } of work) {
    const random = new Random(plan.seed, 'attempts', `${enrollment.id}/${activity.id}`);
    const byTeacher = activity.kind === 'assignment' || activity.kind === 'exam';
    let submittedAtMs = first.submittedAtMs;
    let { score } = first;
    for (let attempt = 1; attempt <= attempts; attempt++) {
      if (attempt > 1) {
        const untilMs = Math.min(enrollment.toMs, submittedAtMs + 3 * dayMs);
        submittedAtMs = Math.floor(random.between(submittedAtMs, untilMs));
        score = Math.min(100, score + Math.floor(random.between(0, 15)));
      }
      const gradedAtMs = submittedAtMs + (byTeacher ? Math.floor(random.between(0.5, 10) * dayMs) : 2_000);
      const isGraded = gradedAtMs <= plan.asOfMs;
      const submittedAt = timestamp(submittedAtMs);
      yield [
        ++id,
        enrollment.user.id,
        activity.id,
        attempt,
        submittedAt,
        timestamp(activity.dueAtMs),
        isGraded ? 'graded' : 'submitted',
        isGraded ? score : null,
        isGraded ? timestamp(gradedAtMs) : null,
        isGraded && byTeacher ? enrollment.course.teacherId : null,
        attempt === attempts,
        random.uuid(),
        submittedAt,
      ];
    }
  }
}
