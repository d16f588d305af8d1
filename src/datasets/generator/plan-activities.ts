const dayMs = 86_400_000;

export interface PlannedActivity {
  readonly id: number;
  readonly code: string;
  readonly title: string;
  readonly kind: 'exercise' | 'assignment' | 'quiz' | 'exam';
  readonly status: 'draft' | 'published';
  readonly weight: number;
  readonly opensAtMs: number;
  readonly dueAtMs: number;
}

interface CourseDates {
  readonly code: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly asOfMs: number;
  /** Whether the next deadline is to be ten seconds after the as-of moment: a planted case. */
  readonly hasUrgent: boolean;
}

const topics = [
  'Variables and Types',
  'Conditions',
  'Loops',
  'Functions',
  'Lists',
  'Dictionaries',
  'Files',
  'Recursion',
  'Sorting',
  'Searching',
  'Classes',
  'Testing',
  'Errors',
  'Trees',
  'Graphs',
] as const;

/** Spreads a course's activities evenly over it; the last is the exam. */
export function planActivities(count: number, firstId: number, dates: CourseDates): PlannedActivity[] {
  const { code, startsAtMs, endsAtMs, asOfMs } = dates;
  let urgentIsOpen = dates.hasUrgent;
  return Array.from({ length: count }, (_, index) => {
    const day = Math.floor(((endsAtMs - startsAtMs) / dayMs) * ((index + 1) / count));
    let dueAtMs = startsAtMs + day * dayMs - 1_000;
    if (urgentIsOpen && dueAtMs > asOfMs) {
      dueAtMs = asOfMs + 10_000;
      urgentIsOpen = false;
    }
    const opensAtMs = Math.max(startsAtMs, dueAtMs - 14 * dayMs);
    const kind = kindOf(index, count);
    const topic = topics[index % topics.length] as string;
    return {
      id: firstId + index,
      code: `${code}-A${String(index + 1).padStart(2, '0')}`,
      title: kind === 'exam' ? 'Final Exam' : `${topic} (${kind})`,
      kind,
      // Teachers publish four weeks ahead.
      status: opensAtMs <= asOfMs + 28 * dayMs ? 'published' : 'draft',
      weight: { exercise: 1, quiz: 1, assignment: 2, exam: 4 }[kind],
      opensAtMs,
      dueAtMs,
    };
  });
}

function kindOf(index: number, count: number): PlannedActivity['kind'] {
  if (index === count - 1) return 'exam';
  if (index % 4 === 3) return 'assignment';
  return index % 4 === 1 ? 'quiz' : 'exercise';
}
