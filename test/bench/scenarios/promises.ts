import { setTimeout as wait } from 'node:timers/promises';
import { Subject, type Bench } from '../bench.js';
import type { ContenderName } from '../contenders.js';
import type { RedisClient } from '../redis.js';
import { short, type Figure, type Report } from '../report.js';
import { startSource, type SourceServer } from '../source.js';
import { Acknowledged, ask, askAtOnce, oldForGood, readWhileWriting, type Seen } from '../trials.js';

/** Those that are caches of several processes. */
export const tried = [
  'strong',
  'bounded',
  'cache-manager',
  'bentocache',
  'cacheable',
] as const satisfies readonly ContenderName[];
type TriedName = (typeof tried)[number];

const PROCESSES = 2;
const IDS = Array.from({ length: 10 }, (_, n) => `thing-${n}`);
/** What reading from the source takes at most, ms. */
const READ_MS = 20;
const [CALLERS, COLD_READ_MS] = [200, 300];
const SILENCE_SECONDS = 3;
/** After which nothing is on its way any more. */
const RECOVERY_MS = 3000;
const BOUND_MS = 1000;

interface Kept {
  readonly well: Seen;
  readonly silent: Seen;
  readonly old: number;
  readonly runs: number;
}

/** What each cache keeps of what one expects of a cache, with several processes that use one Redis, and when that is gone. */
export async function promises(bench: Bench): Promise<Report> {
  const seconds = bench.isQuick ? 3 : 20;
  const kept = new Map<TriedName, Kept>();
  for (const name of tried) {
    bench.say(`promises: ${name}`);
    kept.set(name, await tryOne(bench, name, seconds));
  }
  return {
    title: 'Promises, tried on each',
    notes: [
      `${PROCESSES} processes of each, which share a Redis; 8 readers and a writer of each of ${IDS.length} things ask both of them. ` +
        `A thing is read from its source in up to ${READ_MS} ms and kept for an hour; a write changes it there, makes ` +
        'what is kept of it unusable as the documentation of each says, and answers. "Old" is an answer that a write had superseded which ' +
        `was answered before the question. First for ${seconds} s while all is well. Then for ${SILENCE_SECONDS} s in which ` +
        `Redis takes everything and answers nothing (\`CLIENT PAUSE\`); "old for good" are those of ${IDS.length * PROCESSES} answers which are old, or fail, ` +
        `${RECOVERY_MS / 1000} s after Redis is back and the last write. "Runs" is how often the source is read for ` +
        `${CALLERS} who ask at once for a thing that is not kept, and takes ${COLD_READ_MS} ms.`,
    ],
    tables: [
      {
        columns: [
          'all is well',
          'reads',
          'writes',
          'old',
          'oldest',
          'failed',
          'slowest',
          `runs for ${CALLERS}`,
        ],
        rows: [...kept].map(([name, { well, runs }]) => [
          name,
          well.reads.toLocaleString('en'),
          String(well.writes),
          String(well.old),
          ms(well.oldestMs),
          String(well.failed),
          ms(well.slowestMs),
          String(runs),
        ]),
      },
      {
        columns: ['Redis is silent', 'reads', 'writes', 'old', 'oldest', 'failed', 'slowest', 'old for good'],
        rows: [...kept].map(([name, { silent, old }]) => [
          name,
          silent.reads.toLocaleString('en'),
          String(silent.writes),
          String(silent.old),
          ms(silent.oldestMs),
          String(silent.failed),
          ms(silent.slowestMs),
          String(old),
        ]),
      },
    ],
    figures: [
      ...figuresOf('strong', kept.get('strong')!, 0),
      ...figuresOf('bounded', kept.get('bounded')!, BOUND_MS),
    ],
  };
}

async function tryOne({ redisUrl, redis }: Bench, name: TriedName, seconds: number): Promise<Kept> {
  await redis.flushAll();
  const source = await startSource();
  const subjects: Subject[] = [];
  try {
    for (let n = 0; n < PROCESSES; n++) {
      subjects.push(await Subject.start(name, redisUrl, { sourceUrl: source.url }));
    }
    const urls = subjects.map(({ url }) => url);
    await mustKeep(name, urls, source);
    return {
      runs: await runsWhenCold(urls, source),
      ...(await whileWriting(urls, source, redis, seconds)),
    };
  } finally {
    await Promise.all(subjects.map((subject) => subject.stop()));
    source.close();
  }
}

async function whileWriting(
  urls: readonly string[],
  source: SourceServer,
  redis: RedisClient,
  seconds: number,
): Promise<Omit<Kept, 'runs'>> {
  source.slowDown(() => Math.random() * READ_MS);
  const acknowledged = new Acknowledged();
  const well = await readWhileWriting(urls, IDS, acknowledged, seconds);
  await redis.clientPause(SILENCE_SECONDS * 1000, 'ALL');
  const silent = await readWhileWriting(urls, IDS, acknowledged, SILENCE_SECONDS);
  await wait(RECOVERY_MS);
  return { well, silent, old: await oldForGood(urls, IDS, acknowledged) };
}

async function runsWhenCold(urls: readonly string[], source: SourceServer): Promise<number> {
  source.slowDown(() => COLD_READ_MS);
  const before = source.reads();
  await askAtOnce(urls, 'cold', CALLERS);
  return source.reads() - before;
}

/** Nobody waits for Redis at start. */
async function mustKeep(name: string, urls: readonly string[], source: SourceServer): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const before = source.reads();
    for (const url of urls) await ask('GET', url, 'warm');
    if (source.reads() === before) return;
    await wait(50);
  }
  throw new Error(`${name} keeps nothing`);
}

/** What was never written cannot be old: without acknowledged writes in either time nothing was tried. */
export function figuresOf(name: TriedName, { well, silent, old, runs }: Kept, boundMs: number): Figure[] {
  const oldestMs = Math.max(well.oldestMs, silent.oldestMs);
  const isTried = well.writes > 0 && silent.writes > 0;
  return [
    {
      name: `${name}: oldest answer`,
      target: boundMs === 0 ? 'none old' : `at most ${boundMs} ms`,
      measured: `${ms(oldestMs)}, ${well.old + silent.old} old`,
      isMet: isTried && oldestMs <= boundMs,
      obstacle: isTried ? undefined : 'no write was acknowledged',
    },
    { name: `${name}: old for good`, target: 'none', measured: String(old), isMet: old === 0 },
    {
      name: `${name}: failed reads, all is well`,
      target: 'none',
      measured: String(well.failed),
      isMet: well.failed === 0,
    },
    {
      name: `${name}: failed reads, Redis silent`,
      target: 'none',
      measured: String(silent.failed),
      isMet: silent.failed === 0,
    },
    { name: `${name}: runs for ${CALLERS} callers`, target: '1', measured: String(runs), isMet: runs === 1 },
  ];
}

function ms(value: number): string {
  return `${short(value)} ms`;
}
