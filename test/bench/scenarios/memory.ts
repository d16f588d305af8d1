import { Subject, type Bench } from '../bench.js';
import { pathOf, pathsOf } from '../bodies.js';
import { fill } from '../fill.js';
import type { LoadRequest } from '../load.js';
import type { Figure, Report } from '../report.js';
import type { Table } from '../tables.js';

const MIB = 1024 * 1024;
/** The default of the cache, which the contender does not change. */
const MAX_BYTES = 64 * MIB;
const KEYS_TARGET_BYTES = 1.25 * MAX_BYTES + 64 * MIB;
/** What two readings differ by although nothing grows. */
const NOISE_BYTES = 8 * MIB;
const SIZE = 300;
/** Of the distinct keys; those before it are hit all along. */
const FIRST = 1000;

/** What stays in the process: after very many distinct keys, and after very many hits. */
export async function memory(bench: Bench): Promise<Report> {
  const keys = bench.isQuick ? 30_000 : 1_000_000;
  const hits = bench.isQuick ? 10_000 : 200_000;
  bench.say(`memory: ${keys.toLocaleString('en')} distinct keys, ${hits.toLocaleString('en')} hits`);
  // A bound for Redis, too: what it throws away costs misses.
  await bench.redis.configSet({ maxmemory: '1gb', 'maxmemory-policy': 'allkeys-lru' });
  const subject = await Subject.start('strong', bench.redisUrl, { nodeOptions: ['--expose-gc'] });
  try {
    const requests = await warm(bench, subject);
    const atRest = await subject.restingBytes();
    await bench.autocannon.runDistinct({
      url: subject.url,
      path: `/courses/${SIZE}/`,
      from: FIRST,
      amount: keys,
    });
    await subject.settle();
    // What was never kept takes no memory. The generator builds its last requests and does not send them all.
    if (!(await subject.isHit(pathOf(SIZE, FIRST + keys - 1000)))) throw new Error('the keys were not kept');
    const afterKeys = await subject.restingBytes();

    await answer(bench, subject, requests, hits / 4);
    const beforeHits = await subject.restingBytes();
    await answer(bench, subject, requests, hits);
    const afterHits = await subject.restingBytes();
    return report(keys, hits, [atRest, afterKeys, beforeHits, afterHits]);
  } finally {
    await subject.stop();
    await bench.redis.configSet({ maxmemory: '0', 'maxmemory-policy': 'noeviction' });
    await bench.redis.flushAll();
  }
}

type Requests = Readonly<Record<200 | 304, readonly LoadRequest[]>>;

async function warm(bench: Bench, subject: Subject): Promise<Requests> {
  const etags = await fill(subject, SIZE);
  const plain = pathsOf(SIZE).map((path) => ({ path }));
  const held = plain.map(({ path }, i) => ({ path, headers: { 'if-none-match': etags[i] ?? '' } }));
  const requests = { 200: plain, 304: held };
  await answer(bench, subject, requests, bench.isQuick ? 5_000 : 50_000);
  return requests;
}

/** Half of them with the body, half with 304. */
async function answer(
  { autocannon }: Bench,
  { url }: Subject,
  requests: Requests,
  amount: number,
): Promise<void> {
  for (const status of [200, 304] as const) {
    for (let left = amount / 2; left > 0;) {
      const { answers } = await autocannon.run({ url, requests: requests[status], status, seconds: 1 });
      left -= answers;
    }
  }
}

function report(keys: number, hits: number, readings: readonly [number, number, number, number]): Report {
  const [atRest, afterKeys, beforeHits, afterHits] = readings;
  const mib = (bytes: number) => `${Math.round(bytes / MIB)} MiB`;
  const table: Table = {
    columns: ['', 'RSS'],
    rows: [
      ['warm, 50 keys', mib(atRest)],
      [`after ${keys.toLocaleString('en')} distinct keys`, mib(afterKeys)],
      ['after some hits and 304s', mib(beforeHits)],
      [`after ${hits.toLocaleString('en')} more`, mib(afterHits)],
    ],
  };
  const figures: Figure[] = [
    {
      name: `RSS after ${keys.toLocaleString('en')} keys`,
      target: `at most +${mib(KEYS_TARGET_BYTES)}`,
      measured: `+${mib(afterKeys - atRest)}`,
      isMet: afterKeys - atRest <= KEYS_TARGET_BYTES,
    },
    {
      name: `RSS after ${hits.toLocaleString('en')} hits and 304s`,
      target: `none (±${mib(NOISE_BYTES)})`,
      measured: mib(afterHits - beforeHits),
      isMet: afterHits - beforeHits <= NOISE_BYTES,
    },
  ];
  return {
    title: 'Memory',
    notes: [
      'RSS of `strong` with its default bound of 64 MiB for the tier in the process, after forced garbage ' +
        'collections until they free no more; bodies of 300 B over HTTP, each key a path of its own. What is allowed is 1.25 × 64 MiB + 64 MiB. ' +
        'Redis may hold 1 GiB meanwhile and throws away what was used longest ago.',
    ],
    tables: [table],
    figures,
  };
}
