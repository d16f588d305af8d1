/**
 * What a statement is about: the courses `$1` (ids, `bigint[]`) at a moment, all of their students or only `$3`.
 * Two texts instead of a test for null, because one plan must do for every value.
 */
export interface Scope {
  /** expression of the moment: the parameter `$2`, or a column when there are several moments */
  readonly asOf: string;
  readonly isOneStudent: boolean;
}

/** Every student, at `$2`. */
export const allStudents: Scope = { asOf: '$2::timestamptz', isOneStudent: false };
/** The student `$3`, at `$2`. */
export const oneStudent: Scope = { asOf: '$2::timestamptz', isOneStudent: true };

/** Narrows a condition to the student of the scope. */
export const ofStudent = (column: string, { isOneStudent }: Scope): string =>
  isOneStudent ? `AND ${column} = $3` : '';

/** The day (UTC) of the moment. */
export const today = (asOf: string): string => `(${asOf} AT TIME ZONE 'UTC')::date`;
/** The first instant of that day. */
export const midnight = (asOf: string): string => `date_trunc('day', ${asOf}, 'UTC')`;
