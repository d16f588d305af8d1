import type { Operation } from './operation.js';

/**
 * - `stale`: less than a write that was acknowledged before the read began
 * - `order`: less than another read gave that was answered before this one began
 * - `future`: more than all writes begun by then can have made, or what a write made that began only later
 * - `crossing`: the answer to another question or of another user, or no such answer at all
 */
export type FindingKind = 'stale' | 'order' | 'future' | 'crossing';

export interface Finding {
  readonly kind: FindingKind;
  readonly read: Operation;
  /** The operation that shows, with the read alone, that it is wrong. */
  readonly against: Operation | undefined;
  /** For how long the answer had been out of date when it was asked for, ms. */
  readonly lagMs: number;
}

export interface Tolerance {
  /** How old an answer may be, ms: 0, or what `bounded` promises. */
  readonly staleMs: number;
  /** How long after its acknowledgement a write may be unseen that was acknowledged as pending, ms. */
  readonly pendingMs: number;
  /** How long two readers may differ about a write that nobody has acknowledged, ms. */
  readonly orderMs: number;
}

export interface CheckedHistory {
  /** When the first operation began; `Infinity` without any. */
  readonly beganUs: number;
  readonly reads: number;
  readonly writes: number;
  /** Writes that may have happened or not. */
  readonly unknownWrites: number;
  readonly unansweredReads: number;
  readonly hits: number;
  /** Beyond what is tolerated. */
  readonly violations: readonly Finding[];
  /** Within it. */
  readonly tolerated: readonly Finding[];
  /**
   * For how long the answers that were behind acknowledged writes had been, ms: from the acknowledgement on, also where
   * that said that it is pending.
   */
  readonly behindMs: readonly number[];
}

/**
 * Judges what clients saw. Everything unknown counts as possible, nothing unknown as acknowledged. O(n log n).
 *
 * @param operations in any order
 */
export function checkHistory(operations: Iterable<Operation>, tolerance: Tolerance): CheckedHistory {
  const all = [...operations];
  const reads = all.filter(({ kind }) => kind === 'read');
  const writes = all.filter(({ kind }) => kind === 'write');
  const answered = reads.filter(isKnown);
  const written = writes.filter(isKnown);
  const checked = byKey(all).map((ofKey) => checkKey(ofKey.reads.filter(isKnown), ofKey.writes, tolerance));
  const findings = checked.flatMap((ofKey) => ofKey.findings);
  const isTolerated = ({ kind, lagMs }: Finding) =>
    (kind === 'stale' && lagMs <= tolerance.staleMs) || (kind === 'order' && lagMs <= tolerance.orderMs);
  return {
    beganUs: all.reduce(earlier, Infinity),
    reads: answered.length,
    writes: written.length,
    unknownWrites: writes.length - written.length,
    unansweredReads: reads.length - answered.length,
    hits: answered.filter(({ cache }) => cache === 'HIT').length,
    violations: findings.filter((finding) => !isTolerated(finding)),
    tolerated: findings.filter(isTolerated),
    behindMs: checked.flatMap((ofKey) => ofKey.behindMs),
  };
}

interface OfKey {
  readonly reads: Operation[];
  readonly writes: Operation[];
}

/** An answer of two keys says something of each. */
function byKey(operations: readonly Operation[]): OfKey[] {
  const keys = new Map<number, OfKey>();
  const take = (operation: Operation) => {
    const ofKey = keys.get(operation.key) ?? { reads: [], writes: [] };
    keys.set(operation.key, ofKey);
    ofKey[operation.kind === 'read' ? 'reads' : 'writes'].push(operation);
  };
  for (const operation of operations) {
    take(operation);
    if (operation.also) take({ ...operation, ...operation.also });
  }
  return [...keys.values()];
}

function earlier(us: number, { invokedUs }: Operation): number {
  return Math.min(us, invokedUs);
}

type Known = Operation & { readonly returnedUs: number; readonly version: number };

function isKnown(operation: Operation): operation is Known {
  return operation.returnedUs !== undefined && operation.version !== undefined;
}

function isCrossing({ key, of, user, ofUser }: Operation): boolean {
  return of !== key || ofUser !== user;
}

function checkKey(
  reads: readonly Known[],
  writes: readonly Operation[],
  tolerance: Tolerance,
): { findings: Finding[]; behindMs: number[] } {
  const begun = writes.map(({ invokedUs }) => invokedUs).sort((a, b) => a - b);
  const written = new Witnesses(writes.filter(isKnown), ({ returnedUs, isPending }) =>
    isPending ? returnedUs + tolerance.pendingMs * 1000 : returnedUs,
  );
  const acknowledged = new Witnesses(writes.filter(isKnown), ({ returnedUs }) => returnedUs);
  const makers = new Map(writes.map((write) => [write.version, write]));
  // What belongs to another question says nothing of this one.
  const seen = new Witnesses(
    reads.filter((read) => !isCrossing(read)),
    ({ returnedUs }) => returnedUs,
  );
  const behindMs: number[] = [];
  const findings = reads.flatMap((read): Finding[] => {
    const { version, invokedUs, returnedUs } = read;
    if (isCrossing(read)) return [{ kind: 'crossing', read, against: undefined, lagMs: 0 }];
    const maker = makers.get(version);
    const isUnmade = version > before(begun, returnedUs) || (maker && maker.invokedUs >= returnedUs);
    if (isUnmade) return [{ kind: 'future', read, against: maker, lagMs: 0 }];
    const behind = acknowledged.newerThan(version, invokedUs);
    if (behind) behindMs.push(behind.lagMs);
    const write = written.newerThan(version, invokedUs);
    if (write) return [{ kind: 'stale', read, ...write }];
    const other = seen.newerThan(version, invokedUs);
    return other ? [{ kind: 'order', read, ...other }] : [];
  });
  return { findings, behindMs };
}

/** Operations that show, from a moment on, that there is a version. */
class Witnesses {
  readonly #byVersion: readonly Known[];
  /** For each, of it and all after it the one that shows it first. */
  readonly #earliest: Known[];

  constructor(
    operations: readonly Known[],
    private readonly fromUs: (operation: Known) => number,
  ) {
    this.#byVersion = [...operations].sort((a, b) => a.version - b.version);
    this.#earliest = [...this.#byVersion];
    for (let i = this.#earliest.length - 2; i >= 0; i--) {
      const [own, next] = [this.#earliest[i]!, this.#earliest[i + 1]!];
      if (fromUs(next) < fromUs(own)) this.#earliest[i] = next;
    }
  }

  /** The first to show something newer, if it did so before. */
  newerThan(version: number, beforeUs: number): { against: Operation; lagMs: number } | undefined {
    const index = firstAbove(this.#byVersion, (operation) => operation.version > version);
    const against = this.#earliest[index];
    if (!against || this.fromUs(against) >= beforeUs) return undefined;
    return { against, lagMs: (beforeUs - this.fromUs(against)) / 1000 };
  }
}

/** How many of these ascending times are before `us`. */
function before(times: readonly number[], us: number): number {
  return firstAbove(times, (time) => time >= us);
}

/** Index of the first item for which `isAbove`, in an order in which it holds for all after it. */
function firstAbove<T>(items: readonly T[], isAbove: (item: T) => boolean): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isAbove(items[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}
