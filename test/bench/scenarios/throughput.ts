import { withSubjects, type Bench, type Subject } from '../bench.js';
import { pathsOf, sizes } from '../bodies.js';
import type { ContenderName } from '../contenders.js';
import { fill } from '../fill.js';
import type { LoadRequest } from '../load.js';
import { atLeast, short, sizeName, spreadText, type Figure, type Report } from '../report.js';
import { inTurn } from '../rounds.js';
import { median, ratios } from '../statistics.js';
import type { Table } from '../tables.js';

type Size = (typeof sizes)[number];

const measured = [
  'limit',
  'limit-text',
  'limit-open',
  'limit-express-open',
  'bounded',
  'bounded-unaudited',
  'strong',
  'bounded-open',
  'bounded-express-open',
  'redis-only',
  'bare-get',
  'uncached',
  'cache-manager',
  'bentocache',
] as const satisfies readonly ContenderName[];

/** One line of a table: a contender, or one of them asked in another way. */
type LineName = (typeof measured)[number] | 'bounded 304';

interface Target {
  readonly ours: LineName;
  readonly theirs: LineName;
  readonly atLeast: Partial<Record<Size, number>>;
  readonly obstacle?: (of: Medians, theirs: LineName) => string;
}

/** Of all rounds. */
interface Medians {
  readonly times: (ours: LineName, theirs: LineName) => string;
  readonly microseconds: (name: LineName) => string;
  /** Share of the answers that a handler built. */
  readonly built: (name: LineName) => number;
}

/** If more were built, the figure is not one of hits. */
const MOST_BUILT = 0.01;

/** It keeps nothing and looks for nothing. */
const limitOfNest = ({ times }: Medians, theirs: LineName) =>
  `\`limit\`, which does nothing but send what is at hand, has ${times('limit', theirs)} times its rate`;

const oneGet = ({ microseconds, built }: Medians) =>
  (built('redis-only') > MOST_BUILT
    ? `${percent(built('redis-only'))} of the answers were built by the handler, for Redis did not answer in time; `
    : '') +
  `HTTP behind Nest alone, as \`bounded\` shows it, takes ${microseconds('bounded')} of CPU, and \`bare-get\`, HTTP ` +
  `without Nest and one \`GET\`, ${microseconds('bare-get')} for everything; an entry needs two commands, for its ` +
  'tokens and what is left of its life come with it';

const targets: readonly Target[] = [
  { ours: 'bounded', theirs: 'limit', atLeast: { 300: 0.95, 8_000: 0.95, 200_000: 0.9 } },
  { ours: 'strong', theirs: 'limit', atLeast: { 300: 0.9, 8_000: 0.9, 200_000: 0.85 } },
  { ours: 'bounded-open', theirs: 'limit-open', atLeast: { 8_000: 1.05 } },
  { ours: 'bounded-express-open', theirs: 'limit-express-open', atLeast: { 8_000: 1.05 } },
  { ours: 'bounded 304', theirs: 'limit', atLeast: { 8_000: 1.2 } },
  // What audits may cost.
  { ours: 'bounded', theirs: 'bounded-unaudited', atLeast: { 8_000: 0.99 } },
  ...(['strong', 'bounded'] as const).flatMap((ours): Target[] => [
    { ours, theirs: 'cache-manager', atLeast: { 8_000: 9, 200_000: 70 }, obstacle: limitOfNest },
    { ours, theirs: 'bentocache', atLeast: { 8_000: 3.5, 200_000: 35 }, obstacle: limitOfNest },
  ]),
  {
    ours: 'redis-only',
    theirs: 'bare-get',
    atLeast: { 300: 0.8, 8_000: 0.8, 200_000: 0.8 },
    obstacle: oneGet,
  },
];

interface Sample {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly cpuMicroseconds: number;
  readonly serverLoad: number;
  /** Share of the answers that a handler built. */
  readonly built: number;
}

/** In which a new process compiles what it does often: it takes up to twice the CPU in the first second, s. */
const WARM_UP_SECONDS = 3;

/**
 * Hits per second: how much of what Nest can do at all is left, and what others make of it. Each round has processes of
 * its own: what the compiler makes of one differs from process to process, and would be taken for a difference of the
 * contenders.
 */
export async function throughput(bench: Bench): Promise<Report> {
  const measuredSizes = bench.isQuick ? [8_000 as const] : sizes;
  const samples = new Map(measuredSizes.map((size) => [size, new Map<LineName, Sample[]>()]));
  for (let round = 0; round < bench.rounds; round++) {
    await withSubjects(bench, measured, async (...subjects) => {
      for (const size of measuredSizes) {
        bench.say(`throughput, round ${round + 1} of ${bench.rounds}, ${sizeName(size)}`);
        const lines = await linesOf(bench, subjects, size);
        for (const { run } of lines) await run(WARM_UP_SECONDS);
        for (const { name, run } of inTurn(lines, round)) {
          const all = samples.get(size)!;
          all.set(name, [...(all.get(name) ?? []), await run(bench.seconds)]);
        }
      }
    });
  }
  return {
    title: 'Hits per second',
    notes: [
      `${bench.rates.name}, 64 connections, 50 bodies in turn; every round with new processes. "Share" is the rate ` +
        'divided by that of `limit` in the same round: the median of all rounds, the smallest and the largest. "CPU" ' +
        'is what the server\'s process used for a request, "core" which share of one core that was: where it is well ' +
        'below 1, the generator or Redis set the pace and the CPU time is the better comparison. "Built" is the share ' +
        'of answers that ran the handler: none, if all were hits; more, if Redis could not be asked in time.',
    ],
    tables: [...samples].map(([size, of]) => table(size, of)),
    figures: [...samples].flatMap(([size, of]) => figuresOf(size, of)),
  };
}

interface Line {
  readonly name: LineName;
  readonly run: (seconds: number) => Promise<Sample>;
}

async function linesOf(bench: Bench, subjects: Subject[], size: Size): Promise<Line[]> {
  const lines: Line[] = [];
  for (const subject of subjects) {
    const etags = await fill(subject, size);
    const plain = pathsOf(size).map((path): LoadRequest => ({ path }));
    lines.push({
      name: subject.name as LineName,
      run: (seconds) => measure(bench, subject, plain, 200, seconds),
    });
    if (subject.name === 'bounded') {
      const held = plain.map(({ path }, i) => ({ path, headers: { 'if-none-match': etags[i] ?? '' } }));
      lines.push({ name: 'bounded 304', run: (seconds) => measure(bench, subject, held, 304, seconds) });
    }
  }
  return lines;
}

async function measure(
  { rates }: Bench,
  subject: Subject,
  requests: LoadRequest[],
  status: 200 | 304,
  seconds: number,
): Promise<Sample> {
  const before = await subject.usage();
  const result = await rates.run({ url: subject.url, requests, status, seconds });
  const after = await subject.usage();
  const cpuMs = after.cpuMs - before.cpuMs;
  return {
    perSecond: result.perSecond,
    p99Ms: result.p99Ms,
    cpuMicroseconds: (cpuMs * 1000) / result.answers,
    serverLoad: cpuMs / 1000 / result.seconds,
    built: (after.built - before.built) / result.answers,
  };
}

function table(size: Size, samples: Map<LineName, Sample[]>): Table {
  const rates = (name: LineName) => samples.get(name)!.map(({ perSecond }) => perSecond);
  return {
    columns: [sizeName(size), 'req/s', 'p99', 'CPU', 'core', 'built', 'share of limit'],
    rows: [...samples].map(([name, all]) => [
      name,
      short(median(rates(name))),
      `${short(median(all.map(({ p99Ms }) => p99Ms)))} ms`,
      `${short(median(all.map(({ cpuMicroseconds }) => cpuMicroseconds)))} µs`,
      median(all.map(({ serverLoad }) => serverLoad)).toFixed(2),
      percent(builtShare(all)),
      spreadText(ratios(rates(name), rates('limit'))),
    ]),
  };
}

function figuresOf(size: Size, samples: Map<LineName, Sample[]>): Figure[] {
  const rates = (name: LineName) => samples.get(name)!.map(({ perSecond }) => perSecond);
  const medians: Medians = {
    times: (ours, theirs) => short(ratios(rates(ours), rates(theirs)).median),
    microseconds: (name) => `${short(median(samples.get(name)!.map((of) => of.cpuMicroseconds)))} µs`,
    built: (name) => builtShare(samples.get(name)!),
  };
  return targets.flatMap(({ ours, theirs, atLeast: wanted, obstacle }) => {
    const target = wanted[size];
    if (target === undefined) return [];
    const measured = ratios(rates(ours), rates(theirs));
    const name = `${ours} / ${theirs}, ${sizeName(size)}`;
    return [atLeast(name, target, measured, obstacle?.(medians, theirs))];
  });
}

function builtShare(samples: readonly Sample[]): number {
  return median(samples.map(({ built }) => built));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
