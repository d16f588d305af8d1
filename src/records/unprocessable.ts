import { Problem } from '../http/problem.js';

/** Refuses one field of the body with 422. */
export function unprocessable(field: string, code: string, detail: string): never {
  throw new Problem('unprocessable', `${field}: ${detail}.`, {
    errors: [{ pointer: `/${field}`, code, detail }],
  });
}

/** Refuses a field that names something which is not there. */
export function unknown(field: string, detail: string): never {
  return unprocessable(field, 'unknown', detail);
}
