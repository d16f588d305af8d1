import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Bed } from './bed.js';
import { checkHistory, type CheckedHistory, type Tolerance } from './check-history.js';
import { Clients } from './clients.js';
import { strike, type NemesisName } from './nemeses.js';
import type { PlantedFault } from './planted-faults.js';
import { readHistory } from './read-history.js';

export interface HistoryOptions {
  readonly seconds: number;
  readonly processes: number;
  readonly consistency: 'strong' | 'bounded';
  readonly nemeses: readonly NemesisName[];
  /** Of the order in which nemeses strike, and of what is read and written. */
  readonly seed: number;
  readonly planted?: PlantedFault | undefined;
  readonly say: (line: string) => void;
}

const KEYS = 10;
const READERS_A_PROCESS = 6;
const READS_PER_WRITE = 50;
const PROGRESS_EVERY_MS = 10_000;

/** What the cache promises of each kind of route; see docs/caching.md. */
export const tolerances = {
  strong: { staleMs: 0, pendingMs: 2000, orderMs: 2000 },
  bounded: { staleMs: 1000, pendingMs: 2000, orderMs: 3000 },
} as const satisfies Record<string, Tolerance>;

/** Runs the service, breaks what it stands on, and judges what its clients saw. */
export async function runHistory(options: HistoryOptions): Promise<CheckedHistory> {
  const { seconds, processes, consistency, nemeses, planted, say } = options;
  const random = seeded(options.seed);
  const folder = await mkdtemp(join(tmpdir(), 'history-'));
  const file = join(folder, 'operations');
  const bed = await Bed.start({ processes, keys: KEYS, consistency, planted });
  try {
    const clients = new Clients({
      addressOf: (process) => bed.services[process]?.address,
      processes,
      keys: KEYS,
      readers: READERS_A_PROCESS,
      readsPerWrite: READS_PER_WRITE,
      random,
      file,
    });
    clients.start();
    const over = new AbortController();
    const startMs = performance.now();
    const strikes = strike(
      {
        bed,
        names: nemeses,
        random,
        onStrike: (name, fromMs, toMs) => {
          say(`${secondsSince(startMs, fromMs)} to ${secondsSince(startMs, toMs)} s: ${name}`);
        },
      },
      over.signal,
    );
    const progress = setInterval(() => {
      const { reads, writes } = clients.count;
      say(`${secondsSince(startMs, performance.now())} of ${seconds} s: ${reads} reads, ${writes} writes`);
    }, PROGRESS_EVERY_MS);
    try {
      await Promise.race([wait(seconds * 1000), strikes.then(() => wait(seconds * 1000))]);
    } finally {
      clearInterval(progress);
      over.abort();
      await strikes.finally(() => clients.stop());
    }
    if (bed.deaths > 0) throw new Error(`${bed.deaths} processes of the service ended by themselves`);
    return checkHistory(await readHistory(file), tolerances[consistency]);
  } finally {
    await bed.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function secondsSince(startMs: number, ms: number): string {
  return ((ms - startMs) / 1000).toFixed(1);
}

/** Marsaglia's xorshift with 32 bits: the same numbers for the same seed. */
function seeded(seed: number): () => number {
  let state = (seed | 0) === 0 ? 1 : seed | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
