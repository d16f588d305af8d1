import { withSubjects, type Bench, type Subject } from '../bench.js';
import { pathOf } from '../bodies.js';
import { atMost, short, type Report } from '../report.js';
import { compare } from '../rounds.js';
import { bunches, median, ratios, spread } from '../statistics.js';

const TTL_MS = 1000;
const path = pathOf(8_000, 0);

interface Sample {
  readonly runsPerExpiry: number;
  readonly runsPerTtl: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** One hot key that expires every second, while 64 connections ask for it: who waits, and how often is it made? */
export async function expiry(bench: Bench): Promise<Report> {
  bench.say('expiry of a hot key');
  const rounds = await withSubjects(bench, ['expiring', 'lasting'], async (...subjects) => {
    for (const { url } of subjects) await bench.autocannon.run({ url, requests: [{ path }], seconds: 1 });
    const [expiring, lasting] = subjects;
    return compare(
      bench.rounds,
      () => measure(bench, expiring!),
      () => measure(bench, lasting!),
    );
  });
  const [expiring, lasting] = [rounds.flatMap(({ ours }) => ours), rounds.flatMap(({ theirs }) => theirs)];
  const of = (samples: Sample[], figure: keyof Sample) => samples.map((sample) => sample[figure]);
  const maxMs = spread(of(expiring, 'maxMs'));
  return {
    title: 'Expiry of a hot key',
    notes: [
      `autocannon, 64 connections on one key of 8 kB; \`expiring\` has a TTL of 1 s, \`lasting\` one of an hour, the ` +
        'handler of both takes 50 ms. Neither audits its hits, for an audit is a run, too. Runs that begin within half a second of each other count for one expiry; as an ' +
        'entry is refreshed before its end, and its TTL is shortened at random, there are more than one a second. The ' +
        'largest latency is that of all rounds, pauses of the generator included; without any expiry it is as shown.',
    ],
    tables: [
      {
        columns: ['8 kB', 'runs per expiry', 'runs per second', 'p99', 'max'],
        rows: [['expiring', expiring] as const, ['lasting', lasting] as const].map(([name, samples]) => [
          name,
          short(median(of(samples, 'runsPerExpiry'))),
          short(median(of(samples, 'runsPerTtl'))),
          `${short(median(of(samples, 'p99Ms')))} ms`,
          `${short(spread(of(samples, 'maxMs')).max)} ms`,
        ]),
      },
    ],
    figures: [
      atMost('handler runs per expiry', 1.2, spread(of(expiring, 'runsPerExpiry'))),
      atMost(
        'p99 expiring / lasting',
        1.2,
        ratios(rounds, ({ p99Ms }) => p99Ms),
      ),
      {
        name: 'largest latency while expiring',
        target: 'under 25 ms',
        measured: `${short(maxMs.max)} ms`,
        isMet: maxMs.max < 25,
        obstacle: `\`lasting\`, of which nothing expires, has ${short(spread(of(lasting, 'maxMs')).max)} ms`,
      },
    ],
  };
}

async function measure({ autocannon, seconds }: Bench, subject: Subject): Promise<Sample> {
  const before = (await subject.runsAtMs()).length;
  const result = await autocannon.run({
    url: subject.url,
    requests: [{ path }],
    seconds: Math.max(4, seconds * 2),
  });
  const runs = (await subject.runsAtMs()).slice(before);
  return {
    runsPerExpiry: runs.length / bunches(runs, TTL_MS / 2),
    runsPerTtl: runs.length / ((result.seconds * 1000) / TTL_MS),
    p99Ms: result.p99Ms,
    maxMs: result.maxMs,
  };
}
