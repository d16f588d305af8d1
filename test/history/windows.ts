import type { CheckedHistory, FindingKind } from './check-history.js';
import type { Strike } from './strike.js';
import type { Operation } from './operation.js';

/** What one nemesis met, all its strikes together: what was under way while it struck. */
export interface Window {
  /** `undefined`: while none did. */
  readonly name: string | undefined;
  readonly strikes: number;
  /** Answered ones. */
  readonly reads: number;
  readonly hits: number;
  /** How long an answered read took that 1 in 100 exceeds, and the longest, ms. */
  readonly p99Ms: number;
  readonly slowestMs: number;
  /** Reads and writes that failed, or of which nothing was heard. */
  readonly unknown: number;
  /** Reads that got an answer, and it refused them. */
  readonly refusedReads: number;
  /** Writes that were acknowledged with `X-Cache-Invalidation: pending`. */
  readonly pending: number;
  /** Also those within what is promised. */
  readonly findings: Readonly<Record<FindingKind, number>>;
}

interface Counted {
  readonly name: string | undefined;
  readonly tookMs: number[];
  strikes: number;
  hits: number;
  unknown: number;
  refusedReads: number;
  pending: number;
  readonly findings: Record<FindingKind, number>;
}

/** @param strikes one after the other, in the order of time */
export function windowsOf(
  operations: Iterable<Operation>,
  { violations, tolerated }: CheckedHistory,
  strikes: readonly Strike[],
): Window[] {
  const undisturbed = counted(undefined);
  const byName = new Map<string, Counted>();
  const ofStrikes = strikes.map(({ name }) => {
    const window = byName.get(name) ?? counted(name);
    byName.set(name, window);
    window.strikes++;
    return window;
  });
  const met = (operation: Operation): Counted =>
    ofStrikes[strikes.findIndex((strike) => isStruck(operation, strike))] ?? undisturbed;
  for (const operation of operations) {
    const { kind, invokedUs, returnedUs, cache } = operation;
    const window = met(operation);
    if (operation.isPending) window.pending++;
    if (kind === 'read' && operation.refusedWith !== undefined) window.refusedReads++;
    if (returnedUs === undefined) window.unknown++;
    else if (kind === 'read') {
      window.tookMs.push((returnedUs - invokedUs) / 1000);
      if (cache === 'HIT') window.hits++;
    }
  }
  for (const { kind, read } of [...violations, ...tolerated]) met(read).findings[kind]++;
  const named = [...byName.values()].sort((a, b) => String(a.name).localeCompare(String(b.name)));
  return [...named, undisturbed].map(({ tookMs, ...window }) => {
    const took = Float64Array.from(tookMs).sort();
    const slowestMs = took.at(-1) ?? 0;
    return { ...window, reads: took.length, p99Ms: took[Math.floor(took.length * 0.99)] ?? 0, slowestMs };
  });
}

/** Whether it was under way while this struck. */
export function isStruck(
  { invokedUs, returnedUs, lostUs = Infinity }: Operation,
  { fromUs, toUs }: Strike,
): boolean {
  return invokedUs < toUs && (returnedUs ?? lostUs) >= fromUs;
}

function counted(name: string | undefined): Counted {
  const findings = { stale: 0, order: 0, future: 0, crossing: 0 };
  return { name, tookMs: [], strikes: 0, hits: 0, unknown: 0, refusedReads: 0, pending: 0, findings };
}
