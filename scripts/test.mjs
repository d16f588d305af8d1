// npm test: installs and builds what is missing, then runs all tests against a real PostgreSQL and a real Redis, and the
// static checks in the time that tests wait. `npm test -- <arguments of Jest>` leaves the checks out. The last line is
// `Tests: N passed, M failed`; a test file that does not run, a failed static check, a password in the output, what
// Redis did not allow and processes left behind count as one failed each, and the line before says so.
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endOnSignal } from './end-on-signal.mjs';
import { endLeftOver } from './left-over.mjs';
import { documentedRights } from './redis-rights.mjs';
import { endAll, run } from './run.mjs';
import { runStaticChecks } from './static-checks.mjs';
import { findRedis, hasDocker, ServerMissing, startPostgres, startRedis } from './test-servers.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const jestArguments = process.argv.slice(2);
/** The password of the servers; it must appear nowhere in the output. */
const canary = ['s3cr3t', 'CANARY'].join('-');

const folder = mkdtempSync(join(tmpdir(), 'ai-native-backend-test-'));
const toStop = [];
let canaryHits = 0;
let tail = '';
/** @type {Promise<string[]> | undefined} */
let tidying;

process.chdir(root);
process.on('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});
endOnSignal((signal) => interrupted(`Stopped by ${signal}\n`));
process.stdout.on('error', () => void interrupted('').then(() => process.exit(1)));

try {
  const { passed, failed } = await testEverything();
  finish(passed, failed);
} catch (error) {
  if (tidying) await tidying;
  say(error instanceof ServerMissing ? `${error.message}\n` : `${error.stack}\n`);
  await tidyUp();
  finish(0, [error.message]);
}

async function testEverything() {
  if (!(await ensure('--no-build'))) return { passed: 0, failed: ['installation'] };
  const redisServer = await findRedis(say);
  if (!redisServer) return testInDocker();
  const checks = jestArguments.length === 0 ? runStaticChecks(say, true) : [];
  if (!(await ensure())) return { passed: 0, failed: ['build'] };
  const openapi = await describeApi();
  const { compileTests } = await import('./compile-tests.mjs');
  const programs = await compileTests(root, ['history', 'support']);
  const { env, redis } = await startServers(redisServer);
  const { passed, failed } = await runJest({ ...env, TEST_OPENAPI: openapi, TEST_PROGRAMS: programs });
  const failedChecks = await checks;
  const refusals = await redis.refusals();
  const leftOver = await tidyUp();

  for (const check of failedChecks) failed.push(`static check "${check}"`);
  if (refusals.length > 0) failed.push(`Redis did not allow: ${refusals.join('; ')}`);
  if (canaryHits > 0) failed.push(`a password appears ${canaryHits} times in this output`);
  if (leftOver.length > 0) failed.push(`processes left behind: ${leftOver.join('; ')}`);
  return { passed, failed };
}

async function ensure(...options) {
  const { code } = await run(process.execPath, ['scripts/ensure.mjs', ...options], { onOutput: say });
  return code === 0;
}

/** Jest compiles without type information, so that the Swagger plugin cannot work there: the build tells what it is. */
async function describeApi() {
  // Goes away with the build.
  const path = join(root, 'dist', '.openapi.json');
  if (existsSync(path)) return path;
  const { code, output } = await run(process.execPath, ['dist/bundle/command/openapi.cli.js'], {
    env: { NODE_NO_WARNINGS: '1' },
  });
  if (code !== 0) throw new Error(`The API could not be described:\n${output.slice(-2000)}`);
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, output);
  renameSync(unfinished, path);
  return path;
}

async function startServers(redisServer) {
  const rights = documentedRights();
  const redis = await startRedis(redisServer, folder, canary, rights);
  toStop.push(redis);
  if (tidying) await new Promise(() => undefined);
  const postgres = await startPostgres(folder, canary);
  toStop.push(postgres);
  const env = {
    TEST_REDIS_URL: redis.url,
    TEST_REDIS_ADMIN_URL: redis.adminUrl,
    TEST_REDIS_SERVER: redisServer,
    TEST_REDIS_RIGHTS: rights.join(' '),
    TEST_DATABASE_URL: postgres.url,
    TEST_POSTGRES_BIN: postgres.binDir,
    TEST_CANARY: canary,
    TEST_PORTS: mkdtempSync(join(folder, 'ports-')),
    // Whatever tests put into the temporary folder goes away with ours, and marks the processes they start.
    TMPDIR: folder,
    NODE_ENV: 'test',
    ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}),
  };
  return { env, redis };
}

async function runJest(env) {
  const results = join(folder, 'results.json');
  const parameters = ['--ci', '--json', `--outputFile=${results}`, ...jestArguments];
  // Its workers load the same modules for file after file: with room for what soon goes away they collect garbage less often.
  const jest = ['--max-semi-space-size=64', 'node_modules/jest/bin/jest.js'];
  // All faults, measured, take the better part of an hour.
  const timeoutMs = (process.env.FIGURES_FILE ? 180 : 30) * 60_000;
  const { code } = await run(process.execPath, [...jest, ...parameters], { env, onOutput: say, timeoutMs });
  let summary;
  try {
    summary = JSON.parse(readFileSync(results, 'utf8'));
  } catch {
    return { passed: 0, failed: [`Jest ended with ${code} and without results`] };
  }
  const failed = [];
  for (const { name, status, assertionResults } of summary.testResults) {
    const titles = assertionResults.filter((test) => test.status === 'failed').map((test) => test.fullName);
    failed.push(...titles);
    // Such as a syntax error, or servers that could not be reached.
    if (status === 'failed' && titles.length === 0) failed.push(`${name.slice(root.length + 1)} did not run`);
  }
  if (summary.numPendingTests > 0) say(`${summary.numPendingTests} tests are skipped\n`);
  if (code !== 0 && failed.length === 0) failed.push(`Jest ended with ${code}`);
  return { passed: summary.numPassedTests, failed };
}

/** Without a redis-server here, the same command runs in a container, where apt brings one. */
async function testInDocker() {
  if (!(await hasDocker())) {
    throw new ServerMissing(
      'The tests need redis-server 7 or newer: install it ("sudo apt-get install redis-server", "brew install redis") or start Docker.',
    );
  }
  say('No redis-server here: running the tests in a container\n');
  const mounts = [
    '-v',
    `${root}:/project`,
    '-v',
    '/project/node_modules',
    '-v',
    '/project/dist',
    '-w',
    '/project',
  ];
  // The same Node as the service's own image, and with the tools that the slim one lacks.
  const [, image] = /^FROM (node:[\d.]+-[a-z]+)/m.exec(readFileSync('docker/Dockerfile', 'utf8'));
  const command = ['npm', 'test', '--', ...jestArguments];
  let output = '';
  const { code } = await run('docker', ['run', '--rm', '--init', ...mounts, image, ...command], {
    onOutput: (chunk) => {
      output = (output + chunk).slice(-10_000);
      say(chunk);
    },
  });
  const counts = /Tests: (\d+) passed, (\d+) failed\s*$/.exec(output);
  const failedThere = Number(counts?.[2] ?? 1);
  const failed = Array.from({ length: failedThere }, () => 'see above');
  if (code !== 0 && failedThere === 0) failed.push(`Docker ended with ${code}`);
  return { passed: Number(counts?.[1] ?? 0), failed };
}

/** Stops all that was started; the second call waits for the first. */
function tidyUp() {
  tidying ??= (async () => {
    await endAll();
    for (const server of toStop.splice(0).reverse()) {
      await server.stop().catch((error) => {
        say(`${error.message}\n`);
      });
    }
    return endLeftOver(folder);
  })();
  return tidying;
}

/** Never settles where the run is being ended already: whoever does that sees to the code, too. */
async function interrupted(line) {
  if (tidying) await new Promise(() => undefined);
  if (line) say(line);
  await tidyUp();
}

function finish(passed, failed) {
  if (failed.length > 0) say(`\nFailed: ${failed.join(' | ')}\n`);
  process.exitCode = failed.length > 0 || passed === 0 ? 1 : 0;
  process.stdout.write(`Tests: ${passed} passed, ${failed.length} failed\n`);
}

/** Passes output on, and watches for the canary, also where it lies across two chunks. */
function say(chunk) {
  const text = tail + chunk.toString();
  canaryHits += text.split(canary).length - 1;
  tail = text.slice(-(canary.length - 1));
  process.stdout.write(chunk);
}
