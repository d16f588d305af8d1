import type { CheckedHistory, Finding, FindingKind } from './check-history.js';
import type { Operation } from './operation.js';
import type { History } from './run-history.js';

const kinds: readonly FindingKind[] = ['stale', 'order', 'future', 'crossing'];
const SHOWN = 3;
const STALENESS_MS = [10, 100, 300, 1000];

/** What was found, for people. */
export function report(history: History): string {
  const { reads, writes, unknownWrites, unansweredReads, hits, violations, tolerated, calm } = history;
  const lines = [
    `${spaced(reads)} reads (${percent(hits, reads)} hits), ${spaced(writes)} writes; ` +
      `${spaced(unansweredReads)} reads and ${spaced(unknownWrites)} writes of unknown outcome`,
    ...kinds.map((kind) => {
      const [wrong, allowed] = [of(kind, violations), of(kind, tolerated)];
      const told = [`${spaced(wrong.length)} ${kind}`];
      if (allowed.length > 0) told.push(`${spaced(allowed.length)} within the promise (${lagsOf(allowed)})`);
      if (wrong.length > 0 && wrong.some(({ lagMs }) => lagMs > 0)) told.push(lagsOf(wrong));
      return told.join('; ');
    }),
    '',
    ...windowTable(history),
    '',
    ...routeTable(history),
    '',
    ...stalenessTable(history),
  ];
  lines.push(
    '',
    `${spaced(calm.pending)} writes pending though nothing struck, nor had for 2 s`,
    `${spaced(calm.refusedReads)} reads refused while nothing struck`,
  );
  for (const finding of smallest(violations)) lines.push('', ...shown(finding));
  return `${lines.join('\n')}\n`;
}

/** What was seen while each nemesis struck, all its strikes together. */
function windowTable({ windows }: History): string[] {
  return [
    ...header(
      'While',
      'Times',
      'Reads',
      'Hits',
      'p99',
      'Slowest',
      'Unknown outcome',
      'Refused reads',
      'Pending',
      'Stale',
      'Order',
    ),
    ...windows.map(
      ({ name, strikes, reads, hits, p99Ms, slowestMs, unknown, refusedReads, pending, findings }) =>
        row(
          name ?? 'nothing struck',
          name === undefined ? '' : strikes,
          reads,
          percent(hits, reads),
          `${Math.round(p99Ms)} ms`,
          `${Math.round(slowestMs)} ms`,
          unknown,
          refusedReads,
          pending,
          findings.stale,
          findings.order,
        ),
    ),
  ];
}

/** What was seen of each route. */
function routeTable({ routes }: History): string[] {
  return [
    ...header('Route', 'Reads', 'Hits', 'Stale', 'Order', 'Future', 'Crossing'),
    ...routes.map(({ name, reads, hits, findings: { stale, order, future, crossing } }) =>
      row(name, reads, percent(hits, reads), stale, order, future, crossing),
    ),
  ];
}

/** How far answers were behind the writes that had been acknowledged when they were asked for. */
function stalenessTable({ reads, behindMs }: CheckedHistory): string[] {
  const counts = [0, ...STALENESS_MS, Infinity].map((ms, i, edges) =>
    i === 0 ? reads - behindMs.length : behindMs.filter((lag) => lag <= ms && lag > edges[i - 1]!).length,
  );
  return [
    ...header('Behind by', '0', ...STALENESS_MS.map((ms) => `up to ${spaced(ms)} ms`), 'more'),
    row('reads', ...counts),
    '',
    `the oldest was behind by ${Math.round(behindMs.reduce(longer, 0))} ms`,
  ];
}

function longer(ms: number, otherMs: number): number {
  return Math.max(ms, otherMs);
}

function header(...names: readonly string[]): string[] {
  return [row(...names), row(...names.map(() => '---'))];
}

function row(...cells: readonly (string | number)[]): string {
  return `| ${cells.map((cell) => (typeof cell === 'number' ? spaced(cell) : cell)).join(' | ')} |`;
}

/** How long answers had been out of date: the median, the 99th of a hundred, the longest. */
function lagsOf(findings: readonly Finding[]): string {
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
    const { process, invokedUs, returnedUs = 0 } = operation;
    const [from, to] = [invokedUs, returnedUs].map((us) => ((us - start) / 1000).toFixed(1));
    return [`  ${from} to ${to} ms  process ${process}  ${spoken(operation)}`];
  });
  return [`${kind}, out of date for ${Math.round(lagMs)} ms:`, ...told];
}

/** `read own 3 of user 1 = 7 (HIT)`; what belongs to another question says to which. */
function spoken({ kind, route, key, user, of, ofUser, version, cache }: Operation): string {
  const asked = [kind, route, key, ...ofWhom(user)].filter((word) => word !== undefined).join(' ');
  const isOther = kind === 'read' && (of !== key || ofUser !== user);
  const answered = isOther ? ` = ${[`key ${of}`, ...ofWhom(ofUser)].join(' ')}, ${version}` : ` = ${version}`;
  return `${asked}${answered}${cache ? ` (${cache})` : ''}`;
}

function ofWhom(user: number | undefined): string[] {
  return user === undefined ? [] : [`of user ${user}`];
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
