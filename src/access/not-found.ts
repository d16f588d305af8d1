import { Problem } from '../http/problem.js';

/** One answer for what is missing and for what is another's. */
export function notFound(): Problem {
  return new Problem('not_found', 'Nothing is found under this address.');
}
