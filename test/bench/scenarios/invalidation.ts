import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Subject, withSubjects, type Bench } from '../bench.js';
import { pathOf, pathsOf } from '../bodies.js';
import type { LoadResult } from '../load.js';
import { atLeast, short, type Report } from '../report.js';
import { startRoundTripCounter } from '../round-trips.js';
import { compare, type Round } from '../rounds.js';
import { median, ratios, spread } from '../statistics.js';

const ENTRIES = 1000;
const SIZE = 300;
const TAG = `size:${SIZE}`;
/** Entries without that tag, read meanwhile. */
const READ_SIZE = 8_000;
const PAUSE_MS = 100;
/** What a connection says by itself, and what this scenario asks. */
const own = /^(ping|info|config|hello|client|command)\b/;

/** 1,000 entries of one tag are made unusable among very many others. */
export async function invalidation(bench: Bench): Promise<Report> {
  const keys = bench.isQuick ? 100_000 : 1_000_000;
  const repetitions = bench.isQuick ? 5 : 30;
  bench.say(`invalidation: filling Redis with ${keys.toLocaleString('en')} keys`);
  await populate(bench, keys - ENTRIES);

  return withSubjects(bench, ['strong'], async (...[subject]) => {
    const times: number[] = [];
    const commands = new Map<string, number>();
    for (let i = 0; i < repetitions; i++) {
      await fillTag(bench, subject!);
      await mustBeKept(subject!);
      await bench.redis.configResetStat();
      const { ms, isConfirmed } = await subject!.invalidate(TAG);
      // Only that it took longer than anybody waited is known of it: left out, the slowest would make the median better.
      times.push(isConfirmed ? ms : Infinity);
      for (const [command, calls] of await commandsSeen(bench)) {
        commands.set(command, (commands.get(command) ?? 0) + calls / repetitions);
      }
      await mustBeGone(subject!);
    }
    const trips = await roundTrips(bench, repetitions);
    const reads = await readsMeanwhile(bench, subject!);
    await bench.redis.flushAll();
    return report({ keys, times, commands, trips, reads });
  });
}

async function populate({ redis }: Bench, keys: number): Promise<void> {
  await redis.flushAll();
  const filler = randomBytes(225).toString('base64');
  for (let done = 0; done < keys; done += 1000) {
    const batch = Array.from(
      { length: Math.min(1000, keys - done) },
      (_, i) => [`cache:filler:${String(done + i).padStart(32, '0')}`, filler] as const,
    );
    await redis.mSet(Object.fromEntries(batch));
  }
}

async function fillTag({ autocannon }: Bench, subject: Subject): Promise<void> {
  await autocannon.runDistinct({ url: subject.url, path: `/courses/${SIZE}/`, from: 0, amount: ENTRIES });
  await subject.settle();
}

/** What was never kept is gone whatever an invalidation does. */
async function mustBeKept(subject: Subject): Promise<void> {
  if (!(await subject.isHit(pathOf(SIZE, 0)))) throw new Error('there was no entry to invalidate');
}

async function mustBeGone(subject: Subject): Promise<void> {
  if (await subject.isHit(pathOf(SIZE, 0))) throw new Error('an invalidated entry was served');
}

async function commandsSeen({ redis }: Bench): Promise<(readonly [string, number])[]> {
  const info = await redis.info('commandstats');
  return [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)]
    .map(([, command = '', calls]) => [command, Number(calls)] as const)
    .filter(([command]) => !own.test(command));
}

/** In a second process, whose way to Redis leads through a counter. */
async function roundTrips({ redisUrl }: Bench, repetitions: number): Promise<number[]> {
  const url = new URL(redisUrl);
  const counter = await startRoundTripCounter(Number(url.port));
  url.port = String(counter.port);
  const subject = await Subject.start('strong', url.href);
  try {
    await mustBeConnected(subject);
    const trips: number[] = [];
    for (let i = 0; i < repetitions; i++) {
      const before = counter.count();
      await subject.invalidate(TAG);
      trips.push(counter.count() - before);
    }
    return trips;
  } finally {
    await subject.stop();
    counter.close();
  }
}

async function mustBeConnected(subject: Subject): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if ((await subject.invalidate(TAG)).isConfirmed) return;
    await wait(50);
  }
  throw new Error('the counted process did not get through to Redis');
}

interface Found {
  readonly keys: number;
  /** Of each, ms; `Infinity`: Redis was too slow to confirm it. */
  readonly times: readonly number[];
  /** Calls for one invalidation. */
  readonly commands: ReadonlyMap<string, number>;
  readonly trips: readonly number[];
  /** With invalidations (ours) and without (theirs). */
  readonly reads: readonly Round<LoadResult>[];
}

async function readsMeanwhile(
  { autocannon, rounds, seconds }: Bench,
  subject: Subject,
): Promise<Round<LoadResult>[]> {
  const requests = pathsOf(READ_SIZE).map((path) => ({ path }));
  const read = () => autocannon.run({ url: subject.url, requests, seconds: Math.max(2, seconds) });
  const readDisturbed = async () => {
    const failures: unknown[] = [];
    const timer = setInterval(() => {
      subject.invalidate(TAG).catch((error: unknown) => failures.push(error));
    }, PAUSE_MS);
    const result = await read().finally(() => {
      clearInterval(timer);
    });
    if (failures.length > 0) throw failures[0];
    return result;
  };
  await read();
  return compare(rounds, readDisturbed, read);
}

function report({ keys, times, commands, trips, reads }: Found): Report {
  const time = spread(times);
  const unconfirmed = times.filter((ms) => ms === Infinity).length;
  const [quiet, disturbed] = [reads.flatMap(({ theirs }) => theirs), reads.flatMap(({ ours }) => ours)];
  return {
    title: 'Invalidation',
    notes: [
      `\`strong\`; ${ENTRIES.toLocaleString('en')} entries of 300 B with one tag among ${keys.toLocaleString('en')} keys, ` +
        `stored anew before each of ${times.length} invalidations; the time is that of \`CacheService.invalidate\`. ` +
        'None of the entries may be served after it. Round trips are counted on the wire. Reads are of other ' +
        `entries of 8 kB, through autocannon, with an invalidation every ${PAUSE_MS} ms in the same process and without.`,
      ...(unconfirmed > 0
        ? [`Redis was too slow to confirm ${unconfirmed} of them, which count as slower than all others.`]
        : []),
      `Redis saw for one invalidation: ${[...commands].map(([name, calls]) => `${short(calls)} ${name}`).join(', ') || 'nothing'}.`,
    ],
    tables: [
      {
        columns: ['reads of 8 kB', 'req/s', 'p99'],
        rows: [['undisturbed', quiet] as const, ['with invalidations', disturbed] as const].map(
          ([name, samples]) => [
            name,
            short(median(samples.map(({ perSecond }) => perSecond))),
            `${short(median(samples.map(({ p99Ms }) => p99Ms)))} ms`,
          ],
        ),
      },
    ],
    figures: [
      {
        name: `invalidating ${ENTRIES.toLocaleString('en')} of ${keys.toLocaleString('en')}`,
        target: 'under 2 ms',
        measured: `${short(time.median)} ms (${short(time.min)} to ${short(time.max)})`,
        isMet: time.median < 2,
      },
      {
        name: 'its round trips',
        target: '1',
        measured: String(median(trips)),
        isMet: median(trips) === 1,
      },
      atLeast(
        'reads meanwhile / undisturbed, req/s',
        0.95,
        ratios(reads, ({ perSecond }) => perSecond),
      ),
    ],
  };
}
