import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startAutocannon, type Bench, type Scale } from './bench.js';
import { documentOf } from './document.js';
import { machine } from './machine.js';
import { connectToRedis } from './redis.js';
import { figuresTable, type Report } from './report.js';
import { expiry } from './scenarios/expiry.js';
import { invalidation } from './scenarios/invalidation.js';
import { memory } from './scenarios/memory.js';
import { misses } from './scenarios/misses.js';
import { promises } from './scenarios/promises.js';
import { throughput } from './scenarios/throughput.js';
import { uncachedRoutes } from './scenarios/uncached.js';
import { textTable } from './tables.js';
import { wrk } from './wrk.js';

const scenarios = {
  throughput,
  misses,
  uncached: uncachedRoutes,
  expiry,
  invalidation,
  memory,
  promises,
} satisfies Record<string, (bench: Bench) => Promise<Report>>;

export type ScenarioName = keyof typeof scenarios;

export interface BenchmarkOptions extends Scale {
  readonly root: string;
  readonly redisUrl: string;
  /** For scripts of the generator. */
  readonly folder: string;
  readonly hasWrk: boolean;
  /** Default: all. */
  readonly only?: ScenarioName;
  /** As it was typed. */
  readonly command: string;
  readonly say: (line: string) => void;
  readonly print: (text: string) => void;
}

/**
 * Measures, prints, and writes docs/benchmarks.md if everything was measured.
 *
 * @returns whether every target was met
 */
export async function benchmark(options: BenchmarkOptions): Promise<boolean> {
  const { only, root, redisUrl, print, say } = options;
  const redis = await connectToRedis(redisUrl);
  const { generator: autocannon, stop } = startAutocannon();
  const reports: Report[] = [];
  try {
    const bench: Bench = {
      ...options,
      redis,
      autocannon,
      rates: options.hasWrk ? wrk(options.folder) : autocannon,
    };
    for (const [name, scenario] of Object.entries(scenarios)) {
      if (only !== undefined && name !== only) continue;
      const report = await scenario(bench);
      reports.push(report);
      print(
        `\n${report.title}\n\n${report.notes.join('\n')}\n\n${report.tables.map(textTable).join('\n\n')}\n`,
      );
    }
    const figures = reports.flatMap((report) => report.figures);
    print(`\n${textTable(figuresTable(figures))}\n`);
    if (only === undefined && !options.isQuick) {
      const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
      const path = join(root, 'docs/benchmarks.md');
      writeFileSync(path, documentOf({ ...options, ...(await machine(redis)), lock }, reports));
      say('docs/benchmarks.md is written');
    } else say('docs/benchmarks.md is left as it is: only a full run writes it');
    return figures.every(({ isMet }) => isMet);
  } finally {
    await stop();
    await redis.close();
  }
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string }>>;
}
