import { createHash } from 'node:crypto';
import { Problem } from '../../http/problem.js';
import { canonicalJson } from '../idempotency/canonical-json.js';

/** A strong validator of what is shown (RFC 9110, 8.8.3), in its quotes. */
export function entityTag(shown: object): string {
  return `"${createHash('sha256').update(canonicalJson(shown)).digest('base64url').slice(0, 22)}"`;
}

/**
 * Whether the caller has what would be shown (RFC 9110, 13.1.2).
 *
 * @param ifNoneMatch  the header: entity tags, weak ones too, or `*` for whatever there is
 */
export function isHeld(ifNoneMatch: string | undefined, shown: object): boolean {
  const tags = tagsIn(ifNoneMatch ?? '').map((tag) => tag.replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(entityTag(shown));
}

/**
 * @param ifMatch  the header of a request that must not do without it
 * @throws {Problem} `precondition_required` without it
 */
export function mustBeTold(ifMatch: string | undefined): asserts ifMatch is string {
  if (ifMatch !== undefined) return;
  throw new Problem('precondition_required', 'Send If-Match with the ETag of the submission as you saw it.');
}

/**
 * Lets a request pass only if the caller has seen the present state (RFC 9110, 13.1.1), or says nothing of what was seen.
 *
 * @param ifMatch  the header: entity tags, or `*` for whatever there is
 * @throws {Problem} `precondition_failed` if no tag matches
 */
export function mustMatch(ifMatch: string | undefined, shown: object): void {
  if (ifMatch === undefined) return;
  const tags = tagsIn(ifMatch);
  if (!tags.includes('*') && !tags.includes(entityTag(shown))) {
    throw new Problem('precondition_failed', 'The submission is not as you saw it: read it again.');
  }
}

function tagsIn(header: string): string[] {
  return header.split(',').map((tag) => tag.trim());
}
