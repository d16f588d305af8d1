import { Problem } from '../http/problem.js';

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

export type RequestedIds = Readonly<Record<IdName, readonly string[]>>;

/** What of a request can carry ids: raw, as the parsers left it, so of any type. */
export interface IdSources {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
}

/** Each distinct id costs a look-up, before anything limits how many requests are at work; so their number is bounded. */
const maxIds = 20;

/**
 * Every id that a request names in its path, query or body.
 *
 * Guards run before bodies become DTOs. So an id of any other type than text is refused here: what the guard
 * does not understand, a later conversion might.
 *
 * @throws {Problem} `validation_failed` for an id that is no text, or for too many of them
 */
export function requestedIds({ params, query, body }: IdSources, created?: IdName): RequestedIds {
  let count = 0;
  const collect = (name: IdName): readonly string[] => {
    const found = new Set([
      ...idsIn(params, name, '/path'),
      ...idsIn(query, name, '/query'),
      ...(name === created ? [] : idsIn(body, name, '')),
    ]);
    count += found.size;
    if (count > maxIds)
      throw refused(`/query/${name}`, `is beyond the ${maxIds} ids that a request may name`);
    return [...found];
  };
  return {
    course_id: collect('course_id'),
    student_id: collect('student_id'),
    user_id: collect('user_id'),
    activity_id: collect('activity_id'),
    enrollment_id: collect('enrollment_id'),
    submission_id: collect('submission_id'),
    session_id: collect('session_id'),
  };
}

function idsIn(source: unknown, name: IdName, pointer: string): string[] {
  if (typeof source !== 'object' || source === null || !Object.hasOwn(source, name)) return [];
  const value = (source as Record<string, unknown>)[name];
  return (Array.isArray(value) ? (value as unknown[]) : [value]).flatMap((id) => {
    if (id === undefined || id === null) return [];
    if (typeof id !== 'string') throw refused(`${pointer}/${name}`, 'must be a text');
    return [id];
  });
}

function refused(pointer: string, detail: string): Problem {
  return new Problem('validation_failed', 'An id in the request cannot be read.', {
    errors: [{ pointer, code: 'id', detail }],
  });
}
