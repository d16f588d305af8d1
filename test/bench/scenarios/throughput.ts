import { withSubjects, type Bench, type Subject } from '../bench.js';
import { pathsOf, sizes } from '../bodies.js';
import { fill } from '../fill.js';
import type { LoadRequest } from '../load.js';
import { atLeast, percent, short, sizeName, type Figure, type Report } from '../report.js';
import { alternate, inTurn, type Round } from '../rounds.js';
import { median, ratios } from '../statistics.js';
import { cpuText, measure, perCpuSecondOf, rateOf, rate, WARM_UP_SECONDS, type Sample } from '../slice.js';
import type { Table } from '../tables.js';
import {
  measured,
  targetsOf,
  type LineName,
  type Medians,
  type Size,
  type Target,
} from './throughput-targets.js';

/** What was measured with bodies of one size. */
interface Measured {
  /** In the order of the table. */
  readonly samples: Map<LineName, Sample[]>;
  readonly rounds: Map<Target, Round<Sample>[]>;
}

/**
 * Hits per second: how much of what Nest can do at all is left, and what others make of it. Each round has processes of
 * its own: what the compiler makes of one differs from process to process, and would be taken for a difference of the
 * contenders.
 */
export async function throughput(bench: Bench): Promise<Report> {
  const measuredSizes = bench.isQuick ? [8_000 as const] : sizes;
  const results = new Map(
    measuredSizes.map((size): [Size, Measured] => [size, { samples: new Map(), rounds: new Map() }]),
  );
  for (let round = 0; round < bench.rounds; round++) {
    await withSubjects(bench, measured, async (...subjects) => {
      for (const [size, result] of results) {
        bench.say(`throughput, round ${round + 1} of ${bench.rounds}, ${sizeName(size)}`);
        const lines = await linesOf(bench, subjects, size);
        await measureSize(bench, lines, inTurn(targetsOf(size), round), result);
      }
    });
  }
  return {
    title: 'Hits per second',
    notes: [
      `${bench.rates.name}, 64 connections, 50 bodies in turn; every round with new processes. These are medians of all ` +
        'slices; the targets above compare only slices that were measured in turn, by their rate, or by what is answered with as much ' +
        'CPU where they say so. "Share" is the rate divided by that ' +
        'of `limit`. "CPU" ' +
        'is what the server\'s process used for a request, "core" which share of one core that was: where it is well ' +
        'below 1, the generator or Redis set the pace and the CPU time is the better comparison. "Built" is the share ' +
        'of answers that ran the handler: none, if all were hits; more, if Redis could not be asked in time.',
    ],
    tables: [...results].map(([size, { samples }]) => table(size, samples)),
    figures: [...results].flatMap(([size, result]) => figuresOf(size, result)),
  };
}

async function measureSize(
  bench: Bench,
  lines: readonly Line[],
  targets: readonly Target[],
  { samples, rounds }: Measured,
): Promise<void> {
  for (const { run } of lines) await run(WARM_UP_SECONDS);
  const runs = new Map(lines.map(({ name, run }) => [name, () => run(bench.seconds)]));
  for (const { name } of lines) if (!samples.has(name)) samples.set(name, []);
  for (const target of targets) {
    const round = await alternate(runs.get(target.ours)!, runs.get(target.theirs)!);
    samples.get(target.ours)!.push(...round.ours);
    samples.get(target.theirs)!.push(...round.theirs);
    rounds.set(target, [...(rounds.get(target) ?? []), round]);
  }
  const compared = targets.flatMap(({ ours, theirs }) => [ours, theirs]);
  for (const [name, run] of runs) if (!compared.includes(name)) samples.get(name)!.push(await run());
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
      run: (seconds) => measure(bench, subject, plain, seconds),
    });
    if (subject.name === 'bounded') {
      const held = plain.map(({ path }, i) => ({ path, headers: { 'if-none-match': etags[i] ?? '' } }));
      lines.push({ name: 'bounded 304', run: (seconds) => measure(bench, subject, held, seconds, 304) });
    }
  }
  return lines;
}

function table(size: Size, samples: Measured['samples']): Table {
  return {
    columns: [sizeName(size), 'req/s', 'p99', 'CPU', 'core', 'built', 'share'],
    rows: [...samples].map(([name, all]) => [
      name,
      short(rate(all)),
      `${short(median(all.map(({ p99Ms }) => p99Ms)))} ms`,
      cpuText(all),
      median(all.map(({ serverLoad }) => serverLoad)).toFixed(2),
      percent(builtShare(all)),
      short(rate(all) / rate(samples.get('limit')!)),
    ]),
  };
}

function figuresOf(size: Size, { samples, rounds }: Measured): Figure[] {
  const medians: Medians = {
    times: (ours, theirs) => short(rate(samples.get(ours)!) / rate(samples.get(theirs)!)),
    microseconds: (name) => cpuText(samples.get(name)!),
    built: (name) => builtShare(samples.get(name)!),
  };
  return targetsOf(size).map((target) => {
    const { ours, theirs, atLeast: wanted, by = 'rate', obstacle } = target;
    const name = `${ours} / ${theirs}, ${sizeName(size)}${by === 'cpu' ? ', for the same CPU' : ''}`;
    const compared = ratios(rounds.get(target)!, by === 'cpu' ? perCpuSecondOf : rateOf);
    return atLeast(name, wanted[size]!, compared, obstacle?.(medians, theirs));
  });
}

function builtShare(samples: readonly Sample[]): number {
  return median(samples.map(({ built }) => built));
}
