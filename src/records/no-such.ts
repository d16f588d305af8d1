import { Problem } from '../http/problem.js';

/** @throws {Problem} `not_found` */
export function noSuch(
  what: 'user' | 'course' | 'activity' | 'enrollment' | 'session' | 'submission',
): never {
  throw new Problem('not_found', `There is no such ${what}.`);
}
