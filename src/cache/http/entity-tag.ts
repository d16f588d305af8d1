import { createHash } from 'node:crypto';
import type { Coding } from './accept-encoding.js';

/**
 * A strong validator of an answer: the same bytes under the same headers have the same one, on every instance.
 *
 * @param headers  those that are kept with the body
 * @see RFC 9110 section 8.8.3
 */
export function entityTag(body: Buffer, headers: Readonly<Record<string, string>> = {}): string {
  const hash = createHash('sha256').update(body);
  for (const [name, value] of Object.entries(headers)) hash.update(`\n${name}: ${value}`);
  return `"${hash.digest('base64url').slice(0, 22)}"`;
}

/** The validator of the same body in a coding: another representation, so another strong tag. */
export function codedTag(etag: string, coding: Coding): string {
  return `${etag.slice(0, -1)}-${coding}"`;
}

/**
 * The tag under which a client holds the answer already: that of the bare body, or of a coding that it still accepts.
 * `If-None-Match` compares weakly, and `*` matches whatever there is.
 *
 * @see RFC 9110 section 13.1.2
 */
export function matchedTag(
  ifNoneMatch: string | string[] | undefined,
  etag: string,
  accepted: readonly Coding[],
): string | undefined {
  if (ifNoneMatch === undefined) return undefined;
  return named(ifNoneMatch, etag, accepted, (tag) => tag.replace(/^W\//, ''));
}

/**
 * Whether the answer is one of those that `If-Match` asks for, bare or in a coding that the client accepts. It compares
 * strongly, so that a weak tag names nothing, and `*` whatever there is.
 *
 * @see RFC 9110 section 13.1.1
 */
export function isAskedFor(ifMatch: string | string[], etag: string, accepted: readonly Coding[]): boolean {
  return named(ifMatch, etag, accepted, (tag) => tag) !== undefined;
}

function named(
  header: string | string[],
  etag: string,
  accepted: readonly Coding[],
  compared: (tag: string) => string,
): string | undefined {
  const text = (typeof header === 'string' ? header : header.join(',')).trim();
  if (text === etag || text === '*') return etag;
  // Lists may be long and hostile: nearly all of them end here.
  if (!text.includes(etag.slice(0, -1))) return undefined;
  const listed = new Set(text.split(',').map((tag) => compared(tag.trim())));
  return [etag, ...accepted.map((coding) => codedTag(etag, coding))].find((tag) => listed.has(tag));
}
