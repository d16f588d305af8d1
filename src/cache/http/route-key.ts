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
    let text = `${prefix}|${inOneSpelling(pathOf(request))}`;
    for (const { lead, read } of parts) text += lead + valueText(read(request));
    return text + end;
  };
}

/** The path as it was received, without the query, and without a fragment, of which routers make none of the path either. */
export function pathOf({ originalUrl, url }: CacheRequest): string {
  return before(before(originalUrl ?? url, '#'), '?');
}

/**
 * The same path as nobody can write it otherwise: without scheme and host, with no escape where none is needed, and with
 * capitals in all others. What may mean something else stays, such as `%2F`, and a path with an escape that is none.
 *
 * @see RFC 3986 section 6.2.2, RFC 9112 section 3.2.2
 */
export function inOneSpelling(path: string): string {
  const local = path.startsWith('/') ? path : path.replace(/^[a-z]+:\/\/[^/]*/i, '') || '/';
  if (!local.includes('%') || /%(?![0-9a-f]{2})/i.test(local)) return local;
  return local.replace(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(parseInt(escape.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : escape.toUpperCase();
  });
}

function before(text: string, mark: string): string {
  const end = text.indexOf(mark);
  return end === -1 ? text : text.slice(0, end);
}

function valueText(value: unknown): string {
  if (value === undefined) return 'null';
  return typeof value === 'string' && PLAIN.test(value) ? `"${value}"` : pythonJson(value);
}
