import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { accepts, freePort } from './local-port.js';
import { EmbeddedPostgresError } from './postgres-binaries.js';
import { type PostgresHome, runAs } from './postgres-cluster.js';
import { programOf, startedAt } from './process-start.js';

const startPatienceMs = 10_000;
const stopPatienceS = 20;
/** How far the same moment may differ in two values in whole seconds. */
const roundingS = 2;

/** The server that runs on the cluster, or `undefined`. Waits for one that is just starting. */
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
    // A killed server counts as running until its parent has taken note, which process 1 may be slow to do.
    if (Date.now() > deadline) {
      throw new EmbeddedPostgresError(
        `PostgreSQL (process ${pid}) holds ${home.dir} and does not answer: end it`,
      );
    }
    await wait(100);
  }
}

/**
 * Whether `postmaster.pid` is left over and its process is another by now, such as after a power cut. PostgreSQL itself would
 * take any process of the same user for its own, and not start.
 *
 * @param startS  when the server was started according to that file, in seconds since 1970
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
      // None: the path of a socket has at most 107 bytes, and that of a folder may be longer.
      unix_socket_directories: '',
      timezone: 'UTC',
      // Short, since those who wait for each other wait in vain.
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
