import type { Scale } from './bench.js';
import { contenders } from './contenders.js';
import type { Machine } from './machine.js';
import { figuresTable, obstacles, type Report } from './report.js';
import type { Outcome } from './run-scenarios.js';
import { markdownTable } from './tables.js';

export interface Run extends Machine, Scale {
  readonly command: string;
  readonly lock: { readonly packages: Readonly<Record<string, { readonly version?: string }>> };
}

const packages = [
  '@nestjs/core',
  'fastify',
  'redis',
  '@nestjs/cache-manager',
  '@keyv/redis',
  'bentocache',
  'cacheable',
];

/** docs/benchmarks.md, whole. */
export function documentOf(run: Run, reports: readonly Report[]): string {
  const figures = reports.flatMap((report) => report.figures);
  return `# Benchmarks

How fast the cache is, against what Nest can do at all and against others. \`npm run bench\` writes this page; change
\`test/bench/document.ts\` instead.

${circumstances(run, amountOf(run))}

## Targets

A ratio is the median of the ratios of all rounds; behind it the smallest and the largest.

${markdownTable(figuresTable(figures))}

${obstacles(figures)}${reports.map(section).join('\n')}
## The contenders

${markdownTable({
  columns: ['name', 'what it is'],
  rows: Object.entries(contenders).map(([name, { description }]) => [`\`${name}\``, description]),
})}

All serve the same bytes at the same paths, each in a process of its own; that is checked before anything is counted.
The handler builds its answer from rows in memory and waits for nobody: a database would slow \`uncached\` down, and only that.

## What to beware of

- What is compared was measured in turn, A B B A, a second or two each, in every round, after a warm-up: the machine's pace
  changes from minute to minute. Absolute rates are worth little on another machine.
- The generator, the server and Redis share the cores: a contender that asks Redis for each answer shares them with it.
- The trivial guard stands for an application's own; a real one costs more, and makes every ratio to \`limit\` better.
- \`limit\` sends Buffers, as this cache does. Strings (\`limit-text\`) are faster for small bodies, which Node then sends in
  one piece with the head, and slower for large ones, which are encoded each time.
- \`@nestjs/cache-manager\`, bentocache and cacheable keep values: they parse or copy, and Nest serialises, at every hit. That
  is what most of the difference is made of, and why it grows with the body. None of them promises what \`strong\` does about
  invalidation; what that is worth stands in [other-caches.md](other-caches.md).
- bentocache runs with its memory tier bounded to 64 MB, for which it keeps text there and parses it at each hit, and otherwise
  as its documentation begins.
- Hits of this cache leave at the end of the turn of the event loop in which they were asked for, one after the other. With
  the generator on the same machine that saves up to a quarter of the CPU, since it is woken once for many; over a network
  less. Short ASCII bodies (up to 2 kB) leave as text.
- Before Node 24 an AsyncLocalStorage in use costs every request about a tenth. This cache switches its own off between
  runs; one of the application's that is always on makes all contenders slower, and every ratio better.
- Answers of this cache carry \`ETag\`, \`Cache-Status\`, \`X-Cache\`, \`Cache-Control\` and \`Age\`; of the others only those of
  \`@nestjs/cache-manager\` carry one of them, \`X-Cache\`.
- \`@nestjs/cache-manager\` runs on Redis alone: of this cache \`redis-only\` is what is built like it.
- cacheable runs as its documentation begins, with an unbounded memory tier, and with its synchronisation through Redis.
`;
}

/** What there is of a run that has not measured everything, or has not yet: never the page of one that has. */
export function unfinishedPage(run: Run, names: readonly string[], { reports, failures }: Outcome): string {
  const figures = [...reports.values()].flatMap((report) => report.figures);
  const missing = names
    .filter((name) => !reports.has(name))
    .map((name) => {
      const failure = failures.get(name)?.replaceAll(/\s+/g, ' ');
      return `- \`${name}\` ${failure === undefined ? 'was not run' : `failed: ${failure}`}`;
    });
  return `# Benchmarks that are not whole

${missing.join('\n')}

${circumstances(run, amountOf(run))}

## Targets

${markdownTable(figuresTable(figures))}

${obstacles(figures)}${[...reports.values()].map(section).join('\n')}`;
}

/** docs/other-caches.md, whole: what each cache keeps of its promises. */
export function otherCachesPage(run: Run, { notes, tables, figures }: Report): string {
  return `# Other caches, tried

What each cache does where this one promises something. \`npm run bench -- --only promises\` writes this page, as a full run of
\`npm run bench\` does; change \`test/bench/document.ts\` instead. How fast they are stands in [benchmarks.md](benchmarks.md).

${circumstances(run)}

${notes.join('\n\n')}

${tables.map(markdownTable).join('\n\n')}

## Of this one it is asked

${markdownTable(figuresTable(figures))}

${obstacles(figures)}## What to beware of

- Each runs as its documentation begins, with several processes that share a Redis; [what that is](benchmarks.md#the-contenders) is the same as
  where they are measured. A write calls what each has for it: \`@InvalidateCache\`, \`del\`, \`delete\`.
- Readers and writers ask again as soon as they are answered: who makes them wait is asked less often, and so can be old less
  often. A write counts as soon as it is answered, also where this cache's answer says that its invalidation is pending.
- Old answers come of races, such as an invalidation that arrives while an answer is made: how many there are changes from run
  to run, and none in one is no promise.
- \`bounded\` is allowed to be old for a second. \`@nestjs/cache-manager\` has no memory tier here, and nothing that makes callers share a run.
- Not here: FusionCache, which is of .NET; Varnish, a server before the application, which knows neither its guards nor its
  writes; nestjs-redisx, which is for Nest 10 and 11.
`;
}

function amountOf({ rounds, seconds }: Run): string {
  return `${rounds} rounds of ${seconds} s`;
}

/** @param amount  how much was measured, where that can be chosen */
function circumstances(run: Run, amount?: string): string {
  const versions = packages.map(
    (name) => `${name} ${run.lock.packages[`node_modules/${name}`]?.version ?? '–'}`,
  );
  return `| | |
| --- | --- |
| Date | ${run.date} |
| Machine | ${run.processor} |
| Node | ${run.node} |
| Redis | ${run.redisVersion}, on the same machine, nothing saved |
| Packages | ${versions.join(', ')} |
| Command | \`${run.command}\`${amount === undefined ? '' : ` (${amount})`} |`;
}

function section({ title, notes, tables }: Report): string {
  return `## ${title}\n\n${notes.join('\n\n')}\n\n${tables.map(markdownTable).join('\n\n')}\n`;
}
