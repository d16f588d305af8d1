import { assessRisk, type Risk } from '../risk/risk-model.js';
import { median } from '../statistics.js';
import { type CourseDates, riskFacts, type StudentRow } from './student-facts.js';

export interface RatedStudent {
  readonly row: StudentRow;
  readonly risk: Risk;
}

/** Rates all active students of one course; each is compared with the median of the others and themselves. */
export function rateStudents(
  rows: readonly StudentRow[],
  course: CourseDates,
  asOf: Date,
): readonly RatedStudent[] {
  const medianActiveDays = median(rows.map((row) => row.active_days));
  return rows.map((row) => ({ row, risk: assessRisk(riskFacts(row, course, asOf, medianActiveDays)) }));
}
