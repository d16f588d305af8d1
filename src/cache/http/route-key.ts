import type { CacheRequest } from '../definition/cache-request.js';
import { pythonJson } from '../engine/cache-key.js';
import type { DeclaredInput } from './declared-inputs.js';

/** Texts that are their own JSON between quotes: nearly all that arrive in a path or a query. */
const PLAIN = /^[ !#-[\]-~]*$/;

/**
 * Builds at boot what makes a route's key texts: the same bytes as `routeKeyText`, without sorting or collecting
 * anything per request.
 */
export function compileKeyText(
  prefix: string,
  inputs: readonly DeclaredInput[],
): (request: CacheRequest) => string {
  const parts = [...inputs]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, read }, index) => ({ lead: `${index === 0 ? '|{' : ', '}${pythonJson(name)}: `, read }));
  const end = parts.length > 0 ? '}' : '';
  return (request) => {
    let text = `${prefix}|${pathOf(request)}`;
    for (const { lead, read } of parts) text += lead + valueText(read(request));
    return text + end;
  };
}

/** The path as it was received, without the query, and without a fragment, of which routers make none of the path either. */
export function pathOf({ originalUrl, url }: CacheRequest): string {
  return before(before(originalUrl ?? url, '#'), '?');
}

function before(text: string, mark: string): string {
  const end = text.indexOf(mark);
  return end === -1 ? text : text.slice(0, end);
}

function valueText(value: unknown): string {
  if (value === undefined) return 'null';
  return typeof value === 'string' && PLAIN.test(value) ? `"${value}"` : pythonJson(value);
}
