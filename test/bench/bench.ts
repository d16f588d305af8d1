import { setTimeout as wait } from 'node:timers/promises';
import type { Invalidation, Usage } from './contender.process.js';
import type { ContenderName } from './contenders.js';
import type { DistinctLoadJob, LoadGenerator, LoadJob, LoadResult } from './load.js';
import { Process } from './questions.js';
import type { RedisClient } from './redis.js';

const MIB = 1024 * 1024;
/** Between two collections of garbage, and so many more at most. */
const [PAGES_PATIENCE_MS, MAX_COLLECTIONS] = [500, 20];

/** How much is measured. */
export interface Scale {
  readonly rounds: number;
  /** Of load in each round. */
  readonly seconds: number;
  /** Fewer sizes, keys and repetitions: to see that everything works. */
  readonly isQuick: boolean;
}

/** What a scenario works with. */
export interface Bench extends Scale {
  readonly redisUrl: string;
  readonly redis: RedisClient;
  /** The cheapest generator there is: for rates. */
  readonly rates: LoadGenerator;
  /** The exact one: for latencies and paths without end. */
  readonly autocannon: Autocannon;
  say(line: string): void;
}

interface Autocannon extends LoadGenerator {
  runDistinct(job: DistinctLoadJob): Promise<LoadResult>;
}

interface SubjectOptions {
  readonly nodeOptions?: readonly string[];
  /** Where it has what changes from. */
  readonly sourceUrl?: string;
}

/** A contender at work, in a process of its own. */
export class Subject {
  readonly #process: Process;

  private constructor(
    readonly name: ContenderName,
    readonly url: string,
    process: Process,
  ) {
    this.#process = process;
  }

  static async start(
    name: ContenderName,
    redisUrl: string,
    { nodeOptions = [], sourceUrl }: SubjectOptions = {},
  ): Promise<Subject> {
    const args = [name, redisUrl, ...(sourceUrl === undefined ? [] : [sourceUrl])];
    const process = new Process('./contender.process.js', args, nodeOptions);
    return new Subject(name, await process.ask<string>('url'), process);
  }

  usage(): Promise<Usage> {
    return this.#process.ask('usage');
  }

  /** RSS once collecting garbage makes it no smaller, bytes; needs `--expose-gc`. */
  async restingBytes(): Promise<number> {
    let [before, now] = [Infinity, await this.#collected()];
    // V8 hands free pages back a while after it has found them, some at a time.
    for (let round = 0; round < MAX_COLLECTIONS && now < before - MIB; round++) {
      await wait(PAGES_PATIENCE_MS);
      [before, now] = [now, await this.#collected()];
    }
    return now;
  }

  async #collected(): Promise<number> {
    await this.#process.ask('collectGarbage');
    return (await this.usage()).rssBytes;
  }

  /** Asks once. */
  async isHit(path: string): Promise<boolean> {
    const answer = await fetch(this.url + path);
    await answer.text();
    return answer.headers.get('x-cache') === 'HIT';
  }

  invalidate(tag: string): Promise<Invalidation> {
    return this.#process.ask('invalidate', tag);
  }

  /** When the handlers that take their time began, ms, in order. */
  runsAtMs(): Promise<readonly number[]> {
    return this.#process.ask('runsAtMs');
  }

  /** Resolves when the cache stores nothing any more. */
  settle(): Promise<void> {
    return this.#process.ask('settle');
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}

/** Starts contenders for as long as `work` takes. */
export async function withSubjects<Result>(
  { redisUrl }: Bench,
  names: readonly ContenderName[],
  work: (...subjects: Subject[]) => Promise<Result>,
): Promise<Result> {
  const subjects: Subject[] = [];
  try {
    for (const name of names) subjects.push(await Subject.start(name, redisUrl));
    return await work(...subjects);
  } finally {
    await Promise.all(subjects.map((subject) => subject.stop()));
  }
}

/** The generator in a process of its own. */
export function startAutocannon(): { generator: Autocannon; stop: () => Promise<void> } {
  const process = new Process('./load.process.js');
  return {
    generator: {
      name: 'autocannon',
      run: (job: LoadJob) => process.ask<LoadResult>('run', job),
      runDistinct: (job: DistinctLoadJob) => process.ask<LoadResult>('runDistinct', job),
    },
    stop: () => process.stop(),
  };
}
