import { withSubjects, type Bench } from '../bench.js';
import { pathsOf } from '../bodies.js';
import { atLeast, short, type Report } from '../report.js';
import { interleave } from '../rounds.js';
import { median, ratios } from '../statistics.js';

const SIZE = 300;

/** What routes that are not cached pay for those that are. */
export async function uncachedRoutes(bench: Bench): Promise<Report> {
  bench.say('uncached routes');
  const [without, beside] = await withSubjects(
    bench,
    ['uncached-open', 'uncached-beside'],
    async (...subjects) => {
      const requests = pathsOf(SIZE).map((path) => ({ path }));
      const run = (url: string, seconds: number) => bench.rates.run({ url, requests, seconds });
      for (const { url } of subjects) await run(url, 1);
      const samples = await interleave(
        bench.rounds,
        subjects.map(
          ({ url }) =>
            () =>
              run(url, bench.seconds),
        ),
      );
      return samples.map((rounds) => rounds.map(({ perSecond }) => perSecond)) as [number[], number[]];
    },
  );
  return {
    title: 'Uncached routes',
    notes: [
      'An application without interceptors and guards, with this cache for another of its routes and without it; ' +
        '300 B, 64 connections. "Nothing" is a ratio of 1; what is asked for leaves room for the noise.',
    ],
    tables: [
      {
        columns: ['300 B', 'req/s'],
        rows: [
          ['uncached-open', short(median(without))],
          ['uncached-beside', short(median(beside))],
        ],
      },
    ],
    figures: [atLeast('uncached-beside / uncached-open, 300 B', 0.95, ratios(beside, without))],
  };
}
