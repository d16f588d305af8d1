import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startAutocannon, type Bench, type Scale } from './bench.js';
import { documentOf, otherCachesPage, type Run } from './document.js';
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

type ScenarioName = keyof typeof scenarios;

interface BenchmarkOptions extends Scale {
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
 * Measures, prints, and writes docs/benchmarks.md if everything was measured, and docs/other-caches.md if they were tried.
 *
 * @returns whether every target was met
 */
export async function benchmark(options: BenchmarkOptions): Promise<boolean> {
  const { only, root, redisUrl, print, say } = options;
  const redis = await connectToRedis(redisUrl);
  const { generator: autocannon, stop } = startAutocannon();
  const reports = new Map<ScenarioName, Report>();
  try {
    const bench: Bench = {
      ...options,
      redis,
      autocannon,
      rates: options.hasWrk ? wrk(options.folder) : autocannon,
    };
    const names = only === undefined ? (Object.keys(scenarios) as ScenarioName[]) : [only];
    for (const name of names) {
      const report = await scenarios[name](bench);
      reports.set(name, report);
      // With its figures: a later scenario may fail, or be stopped, and half an hour shall not be lost by that.
      const figures = report.figures.length > 0 ? [figuresTable(report.figures)] : [];
      const tables = [...report.tables, ...figures].map(textTable);
      print(`\n${report.title}\n\n${report.notes.join('\n')}\n\n${tables.join('\n\n')}\n`);
    }
    const figures = [...reports.values()].flatMap((report) => report.figures);
    print(`\n${textTable(figuresTable(figures))}\n`);
    if (!options.isQuick) {
      const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Run['lock'];
      writePages({ ...options, ...(await machine(redis)), lock }, reports);
    } else say('No page is written: a quick run is nothing to judge by');
    return figures.every(({ isMet }) => isMet);
  } finally {
    await stop();
    await redis.close();
  }
}

/** What was tried has a page of its own, which takes minutes and no quiet machine. */
function writePages(
  run: Run & Pick<BenchmarkOptions, 'root' | 'say' | 'only'>,
  reports: ReadonlyMap<ScenarioName, Report>,
): void {
  const write = (name: string, text: string) => {
    writeFileSync(join(run.root, 'docs', name), text);
    run.say(`docs/${name} is written`);
  };
  const tried = reports.get('promises');
  if (tried) write('other-caches.md', otherCachesPage(run, tried));
  if (run.only !== undefined) return;
  const measured = [...reports].flatMap(([name, report]) => (name === 'promises' ? [] : report));
  write('benchmarks.md', documentOf(run, measured));
}
