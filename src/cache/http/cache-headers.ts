import type { Reply } from './reply.js';

export const JSON_TYPE = 'application/json; charset=utf-8';

/** What happened to this answer, for people and tools that look at it. */
export type Outcome = 'HIT' | 'MISS' | 'BYPASS';

/**
 * `private, no-cache`: whoever keeps the answer must ask again before using it, since nobody can tell a browser or a
 * CDN about an invalidation.
 *
 * @see RFC 9111 section 5.2.2
 */
export function describe(reply: Reply, outcome: Outcome): void {
  reply.setHeader('x-cache', outcome);
  reply.setHeader('cache-control', 'private, no-cache');
}
