/**
 * `strong`: whoever asks after an invalidation was acknowledged never gets the older value. `bounded`: never one that is
 * staler than a second; then a hit in this process asks nobody.
 */
export type Consistency = 'strong' | 'bounded';

/** What of an answer is compared when a hit is audited, as text. */
export type AuditedForm = (kept: {
  readonly body: Buffer;
  readonly head?: Readonly<Record<string, string>>;
}) => string;

/** All of an answer: bytes and what belongs to them. */
export const wholeForm: AuditedForm = ({ body, head = {} }) => JSON.stringify(head) + body.toString('latin1');

/** How the entries of one method are kept: complete, in milliseconds. */
export interface EntryPolicy {
  readonly consistency: Consistency;
  /** How long beyond its TTL an entry may be served where a stale answer is better than none. RFC 5861 section 4. */
  readonly graceMs: number;
  /** With something stale at hand, how long to wait for the run. */
  readonly softTimeoutMs: number;
  /** How long to wait for the run at all. */
  readonly hardTimeoutMs: number;
  /** After a run that failed, for how long a stale entry is given without another. */
  readonly retryAfterMs: number;
  /** An entry of this process outlives soft invalidations until it is so old. */
  readonly minFreshMs: number;
  /** The part of its TTL after which an entry is refreshed behind the answers; 1 is never. */
  readonly refreshAhead: number;
  /** Absent: hits are not audited. */
  readonly audited?: AuditedForm | undefined;
}

export const defaultPolicy: EntryPolicy = {
  consistency: 'strong',
  graceMs: 0,
  softTimeoutMs: Infinity,
  hardTimeoutMs: Infinity,
  retryAfterMs: 1000,
  minFreshMs: 0,
  refreshAhead: 0.8,
};

/** Who has waited so long for another's run runs the method themselves, ms: that run may never end. */
export const LONGEST_WAIT_MS = 10_000;

/** How long others wait for a run of such a method, here and in other processes, ms. */
export function longestWaitMs({ hardTimeoutMs }: EntryPolicy): number {
  return Math.min(hardTimeoutMs, LONGEST_WAIT_MS);
}
