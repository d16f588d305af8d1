import { createHash } from 'node:crypto';

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

/**
 * Whether a client holds the answer already. `If-None-Match` compares weakly, and `*` matches whatever there is.
 *
 * @see RFC 9110 section 13.1.2
 */
export function isHeld(ifNoneMatch: string | string[] | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const text = typeof ifNoneMatch === 'string' ? ifNoneMatch : ifNoneMatch.join(',');
  if (text.trim() === '*') return true;
  // Lists may be long and hostile: nearly all of them end here.
  if (!text.includes(etag)) return false;
  return text.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
