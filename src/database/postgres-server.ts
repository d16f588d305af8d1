import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { accepts, freePort } from './local-port.js';
import { EmbeddedPostgresError } from './postgres-binaries.js';
import { type PostgresHome, runAs } from './postgres-cluster.js';
import { programOf, startedAt } from './process-start.js';

const startPatienceMs = 10_000;
const stopPatienceS = 20;
/** What two moments in whole seconds may be apart that are the same. */
const roundingS = 2;

/** The server that runs on the cluster, or `undefined`. Waits for one that is just coming up. */
export async function findRunning(
  home: PostgresHome,
): Promise<{ readonly pid: string | undefined; readonly port: number } | undefined> {
  const deadline = Date.now() + startPatienceMs;
  for (;;) {
    const status = await runAs(home, home.binaries.pg_ctl, ['status', '-D', home.cluster]);
    if (status.code !== 0) return undefined;
    const lockFile = join(home.cluster, 'postmaster.pid');
    const [pid, , startS, port] = (await readFile(lockFile, 'utf8').catch(() => '')).split('\n');
    if (await accepts(Number(port))) return { pid, port: Number(port) };
    if (await isLeftBehind(Number(pid), Number(startS))) {
      await rm(lockFile, { force: true });
      return undefined;
    }
    // Where process 1 is slow to reap, a killed server counts as running for a while.
    if (Date.now() > deadline) {
      throw new EmbeddedPostgresError(
        `PostgreSQL (process ${pid}) holds ${home.dir} and does not answer: end it`,
      );
    }
    await wait(100);
  }
}

/**
 * Whether the process that `postmaster.pid` names is another by now, as after a power cut. PostgreSQL itself takes any of the
 * same user for its own, and would not start.
 *
 * @param startS  when the server began by that file, in seconds since 1970
 */
async function isLeftBehind(pid: number, startS: number): Promise<boolean> {
  const program = await programOf(pid);
  if (program === undefined) return false;
  return program !== 'postgres' || (await startedAt(pid)) > startS + roundingS;
}

/** @returns the port, which is the one of the last start while it is free */
export async function startServer(
  home: PostgresHome,
  settings: Readonly<Record<string, string>>,
): Promise<number> {
  const portFile = join(home.dir, 'port');
  const logFile = join(home.dir, 'server.log');
  const deadline = Date.now() + startPatienceMs;
  let port = Number(await readFile(portFile, 'utf8').catch(() => '0'));
  for (;;) {
    port = await freePort(port);
    await rm(logFile, { force: true });
    const all = {
      listen_addresses: '127.0.0.1',
      port: String(port),
      // The path of a socket may not be longer than 107 bytes; a folder's may.
      unix_socket_directories: '',
      timezone: 'UTC',
      // Those who wait for each other wait in vain.
      deadlock_timeout: '200ms',
      ...settings,
    };
    const options = Object.entries(all).map(([name, value]) => `-c ${name}='${value}'`);
    const parameters = [
      'start',
      '-w',
      '-t',
      '60',
      '-D',
      home.cluster,
      '-l',
      logFile,
      '-o',
      options.join(' '),
    ];
    const started = await runAs(home, home.binaries.pg_ctl, parameters);
    if (started.code === 0) break;

    const reason = `${started.output}\n${await readFile(logFile, 'utf8').catch(() => '')}`;
    const passes =
      /lock file "postmaster.pid" already exists|shared memory block .* still in use|Address already in use/;
    if (!passes.test(reason) || Date.now() > deadline) throw new Error(reason);
    await wait(200);
  }
  await writeFile(portFile, String(port));
  return port;
}

/** @returns whether no server runs on the cluster any more */
export async function stopServer(home: PostgresHome): Promise<boolean> {
  const stop = async (mode: string): Promise<boolean> => {
    const parameters = ['stop', '-w', '-t', String(stopPatienceS), '-m', mode, '-D', home.cluster];
    const { code, output } = await runAs(home, home.binaries.pg_ctl, parameters);
    return code === 0 || output.includes('Is server running?');
  };
  return (await stop('fast')) || (await stop('immediate'));
}
