import type { CheckedHistory, Finding, FindingKind } from './check-history.js';

const kinds: readonly FindingKind[] = ['stale', 'order', 'future', 'crossing'];
const SHOWN = 3;

/** What was found, for people. */
export function report(checked: CheckedHistory): string {
  const { reads, writes, unknownWrites, unansweredReads, hits, violations, tolerated } = checked;
  const lines = [
    `${spaced(reads)} reads (${percent(hits, reads)} hits), ${spaced(writes)} writes; ` +
      `${spaced(unansweredReads)} reads and ${spaced(unknownWrites)} writes of unknown outcome`,
    ...kinds.map((kind) => {
      const [wrong, allowed] = [of(kind, violations), of(kind, tolerated)];
      const told = [`${spaced(wrong.length)} ${kind}`];
      if (allowed.length > 0)
        told.push(`${spaced(allowed.length)} within the promise (${histogram(allowed)})`);
      if (wrong.length > 0 && wrong.some(({ lagMs }) => lagMs > 0)) told.push(histogram(wrong));
      return told.join('; ');
    }),
  ];
  for (const finding of smallest(violations)) lines.push('', ...shown(finding));
  return `${lines.join('\n')}\n`;
}

/** How long answers had been out of date: the median, the 99th of a hundred, the longest. */
function histogram(findings: readonly Finding[]): string {
  const lags = findings.map(({ lagMs }) => lagMs).sort((a, b) => a - b);
  const at = (share: number) => `${Math.round(lags[Math.floor(share * (lags.length - 1))] ?? 0)} ms`;
  return `out of date for ${at(0.5)} in the median, ${at(0.99)} at p99, at most ${at(1)}`;
}

/** Those that are the easiest to understand: one of each kind first, the longest out of date. */
function smallest(violations: readonly Finding[]): Finding[] {
  const byLag = [...violations].sort((a, b) => b.lagMs - a.lagMs);
  const ofEach = kinds.flatMap((kind) => of(kind, byLag).slice(0, 1));
  return [...ofEach, ...byLag.filter((finding) => !ofEach.includes(finding))].slice(0, SHOWN);
}

/** The history that shows it: two operations, or one. */
function shown({ kind, read, against, lagMs }: Finding): string[] {
  const start = Math.min(read.invokedUs, against?.invokedUs ?? Infinity);
  const told = [against, read].flatMap((operation) => {
    if (!operation) return [];
    const { process, key, version, cache, invokedUs, returnedUs = 0 } = operation;
    const [from, to] = [invokedUs, returnedUs].map((us) => ((us - start) / 1000).toFixed(1));
    return [
      `  ${from} to ${to} ms  process ${process}  ${operation.kind} ${key} = ${version}${cache ? ` (${cache})` : ''}`,
    ];
  });
  return [`${kind}, out of date for ${Math.round(lagMs)} ms:`, ...told];
}

function of(kind: FindingKind, findings: readonly Finding[]): Finding[] {
  return findings.filter((finding) => finding.kind === kind);
}

function percent(part: number, whole: number): string {
  return `${whole === 0 ? 0 : Math.round((100 * part) / whole)} %`;
}

function spaced(count: number): string {
  return count.toLocaleString('en');
}
