/** Why a line of a batch is not taken. A `conflict`: another event has this id. */
export const refusalCodes = [
  'invalid_json',
  'line_too_long',
  'validation_failed',
  'future',
  'unknown_student',
  'unknown_course',
  'unknown_activity',
  'unknown_session',
  'conflict',
] as const;
export type RefusalCode = (typeof refusalCodes)[number];

/** Why an event is not taken: a word for machines, a sentence for people. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly detail: string;
}
