import { createHash } from 'node:crypto';
import type { Reply } from './reply.js';

export const JSON_TYPE = 'application/json; charset=utf-8';

/** What happened to this answer, for people and tools that look at it. */
export type Outcome = 'HIT' | 'MISS' | 'BYPASS';

/**
 * Says what happened, in the customary `X-Cache` and in `Cache-Status`.
 *
 * `private, no-cache`: whoever keeps the answer must ask again before using it, since nobody can tell a browser or a
 * CDN about an invalidation. Asking is cheap: see `ETag`.
 *
 * @param detail  parameters of `Cache-Status` after the cache's name, such as `hit; ttl=12`
 * @see RFC 9111 section 5.2.2, RFC 9211
 */
export function describe(reply: Reply, outcome: Outcome, detail: string): void {
  reply.setHeader('x-cache', outcome);
  reply.setHeader('cache-status', `ai-native; ${detail}`);
  reply.setHeader('cache-control', 'private, no-cache');
}

/** A strong validator of a body: the same text has the same one, on every instance. */
export function entityTag(body: string): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
}

/**
 * Whether a client already holds what `etag` names. `If-None-Match` compares weakly.
 *
 * @see RFC 9110 section 13.1.2
 */
export function isHeld(ifNoneMatch: string | string[] | undefined, etag: string | undefined): boolean {
  if (ifNoneMatch === undefined || etag === undefined) return false;
  const held = [ifNoneMatch].flat().flatMap((value) => value.split(','));
  return held.some((value) => value.trim() === '*' || value.trim().replace(/^W\//, '') === etag);
}
