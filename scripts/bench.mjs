// npm run bench: measures the cache against what Nest can do at all and against others; see docs/benchmarks.md.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endOnSignal } from './end-on-signal.mjs';
import { readOptions, wholeNumber } from './options.mjs';
import { findRedis, onPath, startRedis } from './test-servers.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const scenarios = ['throughput', 'misses', 'uncached', 'expiry', 'invalidation', 'memory', 'promises'];
const usage = `npm run bench -- [options]

Builds, starts each contender in a process of its own and a Redis of its own, measures in turn those that are compared
and prints medians and ratios. A full run takes about an hour and writes docs/benchmarks.md; keep the machine idle. What other caches
keep of their promises is tried in three minutes, also with --only promises, and writes docs/other-caches.md.
A scenario that fails is named, and the others are measured all the same: what there is stays in data/benchmarks-unfinished.md,
and docs/benchmarks.md as it was. Exits with 1 if a target was missed or a scenario failed.

  --rounds <n>       rounds, default 11, with --quick 2
  --seconds <n>      seconds of load in each, default 1
  --only <scenario>  one of ${scenarios.join(', ')}
  --quick            about four minutes: to see that everything works, not to judge by
  --check            only start every contender and compare the bytes it serves
`;

const { rounds, seconds, only, quick, check } = readOptions(
  usage,
  {
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
    },
  },
  ({ values }) => {
    if (values.only !== undefined && !scenarios.includes(values.only)) {
      throw new Error(`There is no scenario '${values.only}': ${scenarios.join(', ')}.`);
    }
    return {
      ...values,
      rounds: wholeNumber('rounds', values.rounds ?? (values.quick ? '2' : '11')),
      seconds: wholeNumber('seconds', values.seconds ?? '1'),
    };
  },
);
if (spawnSync(process.execPath, [resolve(root, 'scripts/ensure.mjs')], { stdio: 'inherit' }).status !== 0) {
  process.exit(2);
}
const redisServer = await findRedis((text) => process.stderr.write(text));
if (!redisServer) {
  process.stderr.write('redis-server 7 or newer is needed, on the PATH.\n');
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'ai-native-backend-bench-'));
process.on('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});
const redis = await startRedis(redisServer, folder, 'bench');
// The contenders end when this process hangs up.
endOnSignal(() => redis.stop());

try {
  const { compileTests } = await import('./compile-tests.mjs');
  const compiled = copied(await compileTests(root, ['bench']));
  if (check) {
    const count = await (await import(join(compiled, 'bench/check.js'))).check(redis.url);
    console.log(`${count} contenders serve the right bytes`);
  } else {
    const { benchmark } = await import(join(compiled, 'bench/benchmark.js'));
    const isMet = await benchmark({
      root,
      folder,
      redisUrl: redis.url,
      hasWrk: onPath('wrk') !== undefined,
      rounds,
      seconds,
      only,
      isQuick: quick,
      command: ['npm run bench', ...(process.argv.length > 2 ? ['--'] : []), ...process.argv.slice(2)].join(
        ' ',
      ),
      say: (line) => process.stderr.write(`${line}\n`),
      print: (text) => process.stdout.write(text),
    });
    process.exitCode = isMet ? 0 : 1;
  }
} finally {
  await redis.stop();
}

/** A build that is made meanwhile takes away what was built: the bench runs a copy. */
function copied(compiled) {
  const own = join(root, 'node_modules', '.cache', `bench-${process.pid}`);
  mkdirSync(own, { recursive: true });
  process.on('exit', () => {
    rmSync(own, { recursive: true, force: true });
  });
  const built = join(root, 'dist');
  const isNeeded = (path) =>
    path !== join(built, 'bundle') && (path === compiled || !basename(path).startsWith('.tests-'));
  cpSync(built, own, { recursive: true, filter: isNeeded });
  // That of the project does not count below node_modules.
  writeFileSync(join(own, 'package.json'), JSON.stringify({ type: 'module' }));
  return join(own, basename(compiled));
}
