import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { startAutocannon, type Bench, type Scale } from './bench.js';
import { documentOf, otherCachesPage, unfinishedPage, type Run } from './document.js';
import { machine } from './machine.js';
import { connectToRedis } from './redis.js';
import { figuresTable, type Report } from './report.js';
import { runScenarios, type Outcome } from './run-scenarios.js';
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

/** Of the project: what there is of a full run until it is whole. A build takes nothing from there. */
const unfinished = join('data', 'benchmarks-unfinished.md');

/**
 * Measures, prints, and writes docs/benchmarks.md if everything in it was measured, and docs/other-caches.md if they were
 * tried. What is measured of a full run that fails or is stopped stays in a page of its own.
 *
 * @returns whether everything was measured and every target met
 */
export async function benchmark(options: BenchmarkOptions): Promise<boolean> {
  const { only, root, redisUrl, say } = options;
  const redis = await connectToRedis(redisUrl);
  const { generator: autocannon, stop } = startAutocannon();
  try {
    const bench: Bench = {
      ...options,
      redis,
      autocannon,
      rates: options.hasWrk ? wrk(options.folder) : autocannon,
    };
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Run['lock'];
    const pages = new Pages({ ...options, ...(await machine(redis)), lock });
    const names = only === undefined ? (Object.keys(scenarios) as ScenarioName[]) : [only];
    const run = (name: ScenarioName) => async () => {
      // One that failed may have left something.
      await redis.flushAll();
      return scenarios[name](bench);
    };
    const { reports, failures } = await runScenarios(
      names.map((name) => [name, run(name)] as const),
      (name, outcome) => {
        tell(name, outcome, options);
        pages.keep(outcome);
      },
    );
    const figures = [...reports.values()].flatMap((report) => report.figures);
    options.print(`\n${textTable(figuresTable(figures))}\n`);
    pages.write({ reports, failures });
    if (failures.size > 0) say(`Failed: ${[...failures.keys()].join(', ')}`);
    return failures.size === 0 && figures.every(({ isMet }) => isMet);
  } finally {
    await stop();
    await redis.close();
  }
}

function tell(
  name: ScenarioName,
  { reports, failures }: Outcome<ScenarioName>,
  { print, say }: BenchmarkOptions,
): void {
  const report = reports.get(name);
  if (!report) {
    say(`${name} failed: ${failures.get(name)}`);
    return;
  }
  const figures = report.figures.length > 0 ? [figuresTable(report.figures)] : [];
  const tables = [...report.tables, ...figures].map(textTable);
  print(`\n${report.title}\n\n${report.notes.join('\n')}\n\n${tables.join('\n\n')}\n`);
}

/** Those that a run writes: none of a quick one, which is nothing to judge by. */
class Pages {
  constructor(private readonly run: Run & Pick<BenchmarkOptions, 'root' | 'say' | 'only' | 'isQuick'>) {}

  /** What there is by now. */
  keep(outcome: Outcome<ScenarioName>): void {
    if (this.run.isQuick || this.run.only !== undefined) return;
    mkdirSync(dirname(this.#place(unfinished)), { recursive: true });
    writeFileSync(this.#place(unfinished), unfinishedPage(this.run, Object.keys(scenarios), outcome));
  }

  /** What was tried has a page of its own, which takes minutes and no quiet machine. */
  write({ reports, failures }: Outcome<ScenarioName>): void {
    if (this.run.isQuick) {
      this.run.say('No page is written: a quick run is nothing to judge by');
      return;
    }
    const tried = reports.get('promises');
    if (tried) this.#put(join('docs', 'other-caches.md'), otherCachesPage(this.run, tried));
    if (this.run.only !== undefined) return;
    const measured = [...reports].flatMap(([name, report]) => (name === 'promises' ? [] : report));
    if (measured.length === Object.keys(scenarios).length - 1) {
      this.#put(join('docs', 'benchmarks.md'), documentOf(this.run, measured));
    } else this.run.say(`docs/benchmarks.md stays as it was; what was measured is in ${unfinished}`);
    if (failures.size === 0) rmSync(this.#place(unfinished), { force: true });
  }

  #put(name: string, text: string): void {
    writeFileSync(this.#place(name), text);
    this.run.say(`${name} is written`);
  }

  #place(name: string): string {
    return join(this.run.root, name);
  }
}
