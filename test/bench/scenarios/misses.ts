import { withSubjects, type Bench, type Subject } from '../bench.js';
import type { ContenderName } from '../contenders.js';
import { short, type Report } from '../report.js';
import { inTurn } from '../rounds.js';
import { median } from '../statistics.js';

const SIZE = 300;

const compared = [
  'uncached',
  'bounded',
  'strong',
  'cache-manager',
  'bentocache',
  'cacheable',
] as const satisfies readonly ContenderName[];
type ComparedName = (typeof compared)[number];

interface Sample {
  readonly cpuMicroseconds: number;
  readonly p99Ms: number;
}

/** What it costs to keep an answer that is asked for once. */
export async function misses(bench: Bench): Promise<Report> {
  const amount = bench.isQuick ? 1000 : 5000;
  const samples = new Map(compared.map((name): [ComparedName, Sample[]] => [name, []]));
  for (let round = 0; round < bench.rounds; round++) {
    bench.say(`misses, round ${round + 1} of ${bench.rounds}`);
    await bench.redis.flushAll();
    await withSubjects(bench, compared, async (...subjects) => {
      for (const subject of inTurn(subjects, round)) {
        // The first of a new process are those that the compiler learns from.
        await askEach(bench, subject, 0, amount);
        samples.get(subject.name as ComparedName)!.push(await askEach(bench, subject, amount, amount));
      }
    });
  }
  const medianOf = (name: ComparedName, figure: keyof Sample) =>
    median(samples.get(name)!.map((sample) => sample[figure]));
  return {
    title: 'Misses',
    notes: [
      `autocannon, 64 connections, ${amount.toLocaleString('en')} paths of ${SIZE} B that nobody has asked for before; what a cache does that nobody ` +
        'has anything of. "More" is what it takes beyond the handler. This cache has tokens made that can be told from those of before an ' +
        'invalidation, takes the right to run for all processes, and gives it back; the others look, store, and but for cache-manager tell all processes of it.',
    ],
    tables: [
      {
        columns: [`${SIZE} B`, 'CPU', 'more', 'p99'],
        rows: compared.map((name) => {
          const microseconds = medianOf(name, 'cpuMicroseconds');
          return [
            name,
            `${short(microseconds)} µs`,
            `${short(microseconds - medianOf('uncached', 'cpuMicroseconds'))} µs`,
            `${short(medianOf(name, 'p99Ms'))} ms`,
          ];
        }),
      },
    ],
    figures: [],
  };
}

async function askEach(
  { autocannon }: Bench,
  subject: Subject,
  from: number,
  amount: number,
): Promise<Sample> {
  const before = await subject.usage();
  const { p99Ms } = await autocannon.runDistinct({
    url: subject.url,
    path: `/courses/${SIZE}/`,
    from,
    amount,
  });
  const after = await subject.usage();
  return { cpuMicroseconds: ((after.cpuMs - before.cpuMs) * 1000) / amount, p99Ms };
}
