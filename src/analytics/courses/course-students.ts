import type { RatedStudent } from '../facts/rated-students.js';
import { topFactor } from '../risk/risk-model.js';
import { rounded } from '../statistics.js';
import type { CourseStudentDto } from './course-analytics.dto.js';

/** All active students of a course. */
export interface CourseStudents {
  students: CourseStudentDto[];
  /** when they change by themselves (UTC); `null` if never */
  next_deadline_at: string | null;
  generated_at: string;
}

export function courseStudent({ row, risk }: RatedStudent): CourseStudentDto {
  return {
    student_id: row.student_id,
    student_name: row.student_name,
    risk_score: risk.score,
    risk_level: risk.level,
    is_at_risk: risk.isAtRisk,
    confidence: risk.confidence,
    top_factor: topFactor(risk),
    last_activity_at: row.last_activity_at === null ? null : new Date(row.last_activity_at).toISOString(),
    exercises_completed: row.completed,
    total_exercises: row.required ?? 0,
    average_score: rounded(row.mean_score, 2),
  };
}

/** Orders of the list: the highest risk first, by name, the longest absence first. What is not known comes last. */
export const studentOrders = ['risk', 'name', 'last_activity'] as const;
export type StudentOrder = (typeof studentOrders)[number];

/** The value a student is ordered by; the id decides between equal ones. */
const orderedBy: Readonly<Record<StudentOrder, (student: CourseStudentDto) => number | string | null>> = {
  risk: ({ risk_score }) => (risk_score === null ? null : -risk_score),
  name: ({ student_name }) => student_name,
  last_activity: ({ last_activity_at }) => last_activity_at,
};

/** Of which type the values are that are not null. */
export const valueTypes: Readonly<Record<StudentOrder, 'number' | 'string'>> = {
  risk: 'number',
  name: 'string',
  last_activity: 'string',
};

export type Place = readonly [value: number | string | null, studentId: string];

export function placeOf(student: CourseStudentDto, order: StudentOrder): Place {
  return [orderedBy[order](student), student.student_id];
}

/** The order of Unicode for all languages, whatever the one of the machine: every process orders alike. */
const collator = new Intl.Collator('en');

/** Negative if `a` comes before `b`. Text goes by the alphabet, ids by code unit. */
export function comparePlaces([value, id]: Place, [otherValue, otherId]: Place): number {
  const difference = compareValues(value, otherValue);
  if (difference !== 0) return difference;
  return id < otherId ? -1 : id > otherId ? 1 : 0;
}

function compareValues(value: Place[0], other: Place[0]): number {
  if (value === other) return 0;
  if (value === null) return 1;
  if (other === null) return -1;
  if (typeof value === 'string' && typeof other === 'string') return collator.compare(value, other);
  return value < other ? -1 : 1;
}

export function inOrderOf(students: readonly CourseStudentDto[], order: StudentOrder): CourseStudentDto[] {
  return students
    .map((student) => ({ student, place: placeOf(student, order) }))
    .sort((a, b) => comparePlaces(a.place, b.place))
    .map(({ student }) => student);
}
