import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Bed, type BedOptions } from './bed.js';
import { byRoute, type SeenRoute } from './by-route.js';
import { calmOf, type Calm } from './calm.js';
import { checkHistory, type CheckedHistory, type Tolerance } from './check-history.js';
import { ClientProcess } from './client-process.js';
import type { NemesisName } from './nemeses.js';
import { strike, type Strike } from './strike.js';
import { nowUs } from './operation.js';
import type { PlantedFault } from './planted-faults.js';
import { readHistory } from './read-history.js';
import { seeded } from './seeded.js';
import { windowsOf, type Window } from './windows.js';

export interface HistoryOptions {
  readonly seconds: number;
  readonly processes: number;
  readonly consistency: 'strong' | 'bounded';
  readonly nemeses: readonly NemesisName[];
  /** Of the order in which nemeses strike, and of what is read and written. */
  readonly seed: number;
  readonly planted?: PlantedFault | undefined;
  /** How far the clocks of the first two processes are off, the one ahead, the other behind. Default: 0 */
  readonly clocksApartMs?: number | undefined;
  /** How many reads go with each write. */
  readonly readsPerWrite: number;
  /** How long each reader rests after an answer, ms; 0: it asks again at once. */
  readonly restMs: number;
  /** The server of the database, if it may hang. */
  readonly postgres?: BedOptions['postgres'];
  readonly say: (line: string) => void;
}

export interface History extends CheckedHistory {
  /** In the order of time. */
  readonly strikes: readonly Strike[];
  /** What was seen while each nemesis struck, and while none did. */
  readonly windows: readonly Window[];
  readonly routes: readonly SeenRoute[];
  readonly calm: Calm;
}

const KEYS = 10;
const READERS_A_PROCESS = 24;
const WRITERS_A_PROCESS = 10;
const PROGRESS_EVERY_MS = 10_000;

/** What the cache promises of each kind of route; see docs/caching.md. */
export const tolerances = {
  strong: { staleMs: 0, pendingMs: 2000, orderMs: 2000 },
  bounded: { staleMs: 1000, pendingMs: 2000, orderMs: 3000 },
} as const satisfies Record<string, Tolerance>;

/** Runs the service, breaks what it stands on, and judges what its clients saw. */
export async function runHistory(options: HistoryOptions): Promise<History> {
  const { processes, consistency, planted, clocksApartMs, postgres, seed, readsPerWrite, restMs } = options;
  const folder = await mkdtemp(join(tmpdir(), 'history-'));
  const file = join(folder, 'operations');
  const bed = await Bed.start({ processes, keys: KEYS, consistency, planted, clocksApartMs, postgres });
  const clients = new ClientProcess({
    processes,
    keys: KEYS,
    readers: READERS_A_PROCESS,
    restMs,
    writers: WRITERS_A_PROCESS,
    readsPerWrite,
    seed,
    file,
  });
  let strikes: Strike[];
  try {
    bed.onMoved = () => {
      clients.reach(bed.ports);
    };
    bed.onMoved();
    strikes = await strikeFor(options, bed, clients);
    await clients.stop();
    if (bed.deaths > 0) throw new Error(`${bed.deaths} processes of the service ended by themselves`);
    // What it takes to judge is not to be taken from anybody.
    await bed.stop();
    const sinceMs = performance.now();
    const operations = await readHistory(file);
    const checked = checkHistory(operations, tolerances[consistency]);
    const windows = windowsOf(operations, checked, strikes);
    const routes = byRoute(operations, checked);
    const history = { ...checked, strikes, windows, routes, calm: calmOf(operations, windows, strikes) };
    const megabytes = Math.round(process.memoryUsage().rss / 1e6);
    options.say(`judged in ${secondsSince(sinceMs, performance.now())} s with ${megabytes} MB`);
    return history;
  } finally {
    clients.kill();
    await bed.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Lets the nemeses strike for as long as that takes, and tells how it goes. */
async function strikeFor(
  { seconds, nemeses, seed, say }: HistoryOptions,
  bed: Bed,
  clients: ClientProcess,
): Promise<Strike[]> {
  const over = new AbortController();
  const startUs = nowUs();
  const second = (us: number) => secondsSince(startUs / 1000, us / 1000);
  const strikes: Strike[] = [];
  const striking = strike(
    {
      bed,
      names: nemeses,
      random: seeded(seed),
      onStrike: (struck, members) => {
        strikes.push(struck);
        say(`${second(struck.fromUs)} to ${second(struck.toUs)} s: ${members.join(' and ')}`);
      },
    },
    over.signal,
  );
  const progress = setInterval(() => {
    const { reads, writes } = clients.count;
    say(`${second(nowUs())} of ${seconds} s: ${reads} reads, ${writes} writes`);
  }, PROGRESS_EVERY_MS);
  try {
    const never = new Promise<never>(() => undefined);
    // One that fails ends all at once.
    await Promise.race([wait(seconds * 1000), striking.then(() => never)]);
  } finally {
    clearInterval(progress);
    over.abort();
    await striking;
  }
  return strikes;
}

function secondsSince(startMs: number, ms: number): string {
  return ((ms - startMs) / 1000).toFixed(1);
}
