import { withSubjects, type Bench } from '../bench.js';
import { pathsOf } from '../bodies.js';
import { atLeast, short, type Report } from '../report.js';
import { compare } from '../rounds.js';
import { cpuText, measure, rate, rateOf, WARM_UP_SECONDS } from '../slice.js';
import { ratios } from '../statistics.js';

const SIZE = 300;

/** What routes that are not cached pay for those that are. */
export async function uncachedRoutes(bench: Bench): Promise<Report> {
  bench.say('uncached routes');
  const rounds = await withSubjects(bench, ['uncached-beside', 'uncached-open'], async (...subjects) => {
    const requests = pathsOf(SIZE).map((path) => ({ path }));
    const [beside, without] = subjects.map(
      (subject) =>
        (seconds = bench.seconds) =>
          measure(bench, subject, requests, seconds),
    );
    for (const run of [beside!, without!]) await run(WARM_UP_SECONDS);
    return compare(
      bench.rounds,
      () => beside!(),
      () => without!(),
    );
  });
  return {
    title: 'Uncached routes',
    notes: [
      'An application without interceptors and guards, with this cache for another of its routes and without it; ' +
        '300 B, 64 connections. "Nothing" is a ratio of 1; what is asked for leaves room for the noise.',
    ],
    tables: [
      {
        columns: ['300 B', 'req/s', 'CPU'],
        rows: [
          ['uncached-open', rounds.flatMap(({ theirs }) => theirs)] as const,
          ['uncached-beside', rounds.flatMap(({ ours }) => ours)] as const,
        ].map(([name, all]) => [name, short(rate(all)), cpuText(all)]),
      },
    ],
    figures: [atLeast('uncached-beside / uncached-open, 300 B', 0.95, ratios(rounds, rateOf))],
  };
}
