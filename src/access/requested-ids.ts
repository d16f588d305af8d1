import { Problem } from '../http/problem.js';
import type { DeclaredIds, DeclaredSources } from './declared-ids.js';
import { idNames, type IdName } from './id-names.js';

export type RequestedIds = Readonly<Record<IdName, readonly string[]>>;

/** What of a request can carry ids: raw, as the parsers left it, so of any type. */
export interface IdSources {
  readonly method?: string;
  readonly params?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
}

/** Each distinct id costs a look-up, before anything limits how many requests are at work; so their number is bounded. */
const maxIds = 20;

/**
 * Every id that a request names in its path, or where its route reads one out of the query or body.
 *
 * Guards run before bodies become DTOs. So an id of any other type than text is refused here: what the guard
 * does not understand, a later conversion might.
 *
 * @param created  the one that the body gives to something new
 * @throws {Problem} `validation_failed` for an id that is no text, or for too many of them
 */
export function requestedIds(
  { params, query, body }: IdSources,
  declared: DeclaredSources,
  created?: IdName,
): RequestedIds {
  let count = 0;
  const collect = (name: IdName): readonly string[] => {
    const found = new Set([
      ...idsIn(params, name, '/path'),
      ...declaredIn(query, declared.query, name, '/query'),
      ...(name === created ? [] : declaredIn(body, declared.body, name, '')),
    ]);
    count += found.size;
    if (count > maxIds)
      throw refused(`/query/${name}`, `is beyond the ${maxIds} ids that a request may name`);
    return [...found];
  };
  return Object.fromEntries(idNames.map((name) => [name, collect(name)])) as RequestedIds;
}

function declaredIn(source: unknown, { own, nested }: DeclaredIds, name: IdName, pointer: string): string[] {
  return [
    ...(own.includes(name) ? idsIn(source, name, pointer) : []),
    ...nested.flatMap((field) =>
      isObject(source) && Object.hasOwn(source, field)
        ? idsBelow(source[field], name, `${pointer}/${field}`)
        : [],
    ),
  ];
}

/** In whatever it consists of, lists too. */
function idsBelow(value: unknown, name: IdName, pointer: string): string[] {
  if (!isObject(value)) return [];
  const below = Object.entries(value).flatMap(([part, inner]) => idsBelow(inner, name, `${pointer}/${part}`));
  return [...(Array.isArray(value) ? [] : idsIn(value, name, pointer)), ...below];
}

function idsIn(source: unknown, name: IdName, pointer: string): string[] {
  if (!isObject(source) || !Object.hasOwn(source, name)) return [];
  const value = source[name];
  return (Array.isArray(value) ? (value as unknown[]) : [value]).flatMap((id) => {
    if (id === undefined || id === null) return [];
    if (typeof id !== 'string') throw refused(`${pointer}/${name}`, 'must be a text');
    return [id];
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function refused(pointer: string, detail: string): Problem {
  return new Problem('validation_failed', 'An id in the request cannot be read.', {
    errors: [{ pointer, code: 'id', detail }],
  });
}
