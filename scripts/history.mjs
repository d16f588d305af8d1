// npm run test:history: writes down what clients of the service see while all that it stands on is broken, and judges it;
// see docs/reliability.md.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endOnSignal } from './end-on-signal.mjs';
import { readOptions } from './options.mjs';
import { documentedRights } from './redis-rights.mjs';
import { run } from './run.mjs';
import { findRedis } from './test-servers.mjs';

const usage = `npm run test:history -- [options]

Starts processes of a small service on a Redis and a PostgreSQL of its own, reads five routes and writes through all of
them, breaks one thing after the other, or two at once, and judges what was read. Prints the smallest history that shows a
violation. Exits with 1 if there was one, if writes were pending or reads refused though nothing had struck, or if there
were too few reads, hits, of all routes or of one, or acknowledged writes to mean anything.

  --minutes <n>      default 1
  --processes <n>    default 3
  --mode <mode>      strong (default) or bounded
  --nemesis <which>  all (default), none, or names separated by commas:
                     redis-hung, redis-killed, redis-restored, redis-flushed, redis-replica, tokens-evicted,
                     connections-reset, subscribers-silent, subscribers-killed, writer-cut-off, service-hung,
                     service-killed, database-connections-killed, database-hung, two-at-once
  --seed <n>         of the order of everything; default: another each time
  --reads <n>        answered reads a second that must be reached, default 1667: a million in ten minutes
  --rest <ms>        how long each of the 24 readers of a process rests after an answer, default 0
  --clocks <minutes> how far the clocks of the first two processes are off, the one ahead, the other behind, default 0
  --reads-per-write <n>  default 100
  --teeth            plants fourteen mistakes, one after the other, for a minute at most each: all must be found
  --plant <mistake>  plants this one only:
                     tokens-after-the-load, tokens-that-return, invalidates-before-commit, joins-overtaken-runs,
                     believes-what-it-has-not-heard, near-without-a-lease, restored-unnoticed, goes-on-unasked,
                     replays-the-old-token, latest-clock-wins, key-without-the-user, forgets-the-result,
                     forgets-the-second-tag, forgets-the-prefix
`;

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
const values = readOptions(
  usage,
  {
    options: {
      minutes: { type: 'string', default: '1' },
      processes: { type: 'string', default: '3' },
      mode: { type: 'string', default: 'strong' },
      nemesis: { type: 'string', default: 'all' },
      seed: { type: 'string', default: String(1 + Math.floor(Math.random() * 1e9)) },
      reads: { type: 'string', default: '1667' },
      rest: { type: 'string', default: '0' },
      clocks: { type: 'string', default: '0' },
      'reads-per-write': { type: 'string', default: '100' },
      plant: { type: 'string' },
      teeth: { type: 'boolean', default: false },
    },
  },
  checked,
);
if (
  (await run(process.execPath, ['scripts/ensure.mjs'], { onOutput: (text) => process.stderr.write(text) }))
    .code !== 0
)
  process.exit(2);
const redisServer = await findRedis((text) => process.stderr.write(text));
if (!redisServer) {
  process.stderr.write('redis-server 7 or newer is needed, on the PATH.\n');
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'ai-native-backend-history-'));
const toStop = [];
const { compileTests } = await import('./compile-tests.mjs');
const compiled = await compileTests(root, ['history', 'support']);
process.on('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});
endOnSignal(stop);

try {
  Object.assign(process.env, {
    TEST_REDIS_SERVER: redisServer,
    TEST_REDIS_RIGHTS: documentedRights().join(' '),
    TMPDIR: folder,
  });
  const { hangs, judge, judgeTeeth } = await import(join(compiled, 'history/judge.js'));
  const isPlanted = values.teeth || values.plant !== undefined;
  // A test has one that runs, and that others use, too: what is broken is the connections to a database of its own.
  const mayHang = !isPlanted && hangs(values.nemesis);
  const postgres = mayHang || !process.env.TEST_DATABASE_URL ? await ownPostgres() : undefined;
  const say = (line) => process.stderr.write(`${line}\n`);
  const print = (text) => process.stdout.write(text);
  const isRight = isPlanted
    ? await judgeTeeth({ ...values, say, print })
    : await judge({ ...values, readsPerWrite: values['reads-per-write'], postgres, say, print });
  process.exitCode = isRight ? 0 : 1;
} finally {
  await stop();
}

/** The one that comes with the packages, for this run alone. */
async function ownPostgres() {
  const { startPostgres } = await import(join(compiled, 'support/postgres-process.js'));
  // As root the server runs as another user, who must get in.
  chmodSync(folder, 0o755);
  const postgres = await startPostgres();
  toStop.push({ stop: () => postgres.remove() });
  process.env.TEST_DATABASE_URL = postgres.url;
  return postgres;
}

async function stop() {
  for (const server of toStop.splice(0).reverse()) await server.stop();
}

function checked({ values }) {
  if (!['strong', 'bounded'].includes(values.mode)) throw new Error(`There is no mode '${values.mode}'.`);
  for (const name of ['minutes', 'processes', 'seed', 'reads', 'reads-per-write']) {
    if (!(Number(values[name]) > 0)) throw new Error(`--${name} must be a number above zero.`);
  }
  if (!(Number(values.rest) >= 0)) throw new Error('--rest must be a number of milliseconds.');
  if (!(Number(values.clocks) >= 0)) throw new Error('--clocks must be a number of minutes.');
  return values;
}
