import type { WriteEffect } from './write-effect.js';

/**
 * What is old after a new event or session: the student, and the course; all who are in that, where nothing so early was
 * known of it, since it then says of each of them whether they were away.
 */
export function traceTags(
  { course_id, student_id }: { readonly course_id: string; readonly student_id: string },
  { changed }: WriteEffect,
): string[] {
  const rosters = changed.includes('firstTraceAt') ? [`roster:${course_id}`] : [];
  return ['system', `course:${course_id}`, `student:${student_id}`, ...rosters];
}
