import type { RouteName } from './routes.js';

/** One operation as its client saw it, in times of `nowUs`. */
export interface Operation {
  readonly kind: 'read' | 'write';
  /** Number of the service process that was asked. */
  readonly process: number;
  /** Of a read. */
  readonly route?: RouteName;
  readonly key: number;
  /** Who read, where each user has an answer of his own. */
  readonly user?: number;
  readonly invokedUs: number;
  /** Absent: nobody knows what became of it. A write may have happened all the same. */
  readonly returnedUs?: number;
  /** In the place of `returnedUs`: when the client gave it up. */
  readonly lostUs?: number;
  /** Beside `lostUs`: the status of an answer that refuses it. */
  readonly refusedWith?: number;
  /** What was read or written; each write makes it one more. Absent if the outcome is unknown. */
  readonly version?: number;
  /** The key that the answer to a read names. */
  readonly of?: number;
  /** The user whom it names. */
  readonly ofUser?: number;
  /** Where an answer is of two keys: the other one that was asked for, and what the answer says of which. */
  readonly also?: { readonly key: number; readonly of: number; readonly version: number };
  /** `X-Cache` of a read. */
  readonly cache?: string;
  /** The write was acknowledged with `X-Cache-Invalidation: pending`. */
  readonly isPending?: boolean;
}

/** The monotonic clock that all processes of a machine share (CLOCK_MONOTONIC on Linux), µs. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
