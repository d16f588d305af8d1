/** The names under which a route may point at something that belongs to somebody. */
export const idNames = [
  'course_id',
  'student_id',
  'user_id',
  'activity_id',
  'enrollment_id',
  'submission_id',
  'session_id',
] as const;
export type IdName = (typeof idNames)[number];
