import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { isAlive, whileHolding } from './exclusive-file.js';
import {
  EmbeddedPostgresError,
  locateBinaries,
  placeForUser,
  type PostgresBinaries,
  runCommand,
  serverUser,
  type ServerUser,
} from './postgres-binaries.js';

export { EmbeddedPostgresError } from './postgres-binaries.js';

export interface EmbeddedPostgresOptions {
  /** Folder for everything the application keeps; the server takes its subfolder `postgres`. Made when missing. */
  readonly dataDir: string;
  /** Receives one line of plain text for each thing worth knowing. */
  readonly log: (line: string) => void;
  /** Server settings on top of the defaults, such as `{ fsync: 'off' }` for a throw-away database. */
  readonly settings?: Readonly<Record<string, string>>;
  /** `<os>-<architecture>` in Node's words. Default: this machine's. */
  readonly platform?: string;
}

export interface EmbeddedPostgres {
  /** Connection string of a superuser, password included: never print it. */
  readonly url: string;
  /** Folder of the server's programs. */
  readonly binDir: string;
  /** Stops the server, unless another living process still uses it. Safe to call twice. */
  stop(): Promise<void>;
}

/** What the steps below share: whose server it is and where it lies. */
interface Home {
  readonly binaries: PostgresBinaries;
  readonly user: ServerUser | undefined;
  readonly dir: string;
  readonly cluster: string;
  readonly log: (line: string) => void;
}

const startPatienceMs = 10_000;
const stopPatienceS = 20;
const turnPatienceMs = 60_000;

/**
 * Starts the PostgreSQL that comes with the npm packages, or joins the one that already runs on this folder,
 * such as one left behind by a killed process. It listens on a port of 127.0.0.1 that stays the same from start
 * to start while it is free, and asks for a password that lies in a file of mode 0600 in the folder. It is in a
 * session of its own: Ctrl-C does not reach it. As root it runs as "nobody", and no user is made.
 *
 * @throws {EmbeddedPostgresError} with one line for the user: platform not supported, folder not writable, disk full
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const wanted = resolve(options.dataDir, 'postgres');
  try {
    const binaries = await locateBinaries(options.platform ?? `${process.platform}-${process.arch}`);
    await mkdir(wanted, { recursive: true });
    const user = await serverUser(join(wanted, 'cluster'));
    const placed = await placeForUser({ binaries, homeDir: wanted, user }, options.log);
    const { homeDir: dir } = placed;
    const home: Home = {
      binaries: placed.binaries,
      user,
      dir,
      cluster: join(dir, 'cluster'),
      log: options.log,
    };
    // Never closed to its owner-to-be, not for a moment: another start may just be looking whether it can enter.
    await giveToServer(home, dir);
    await chmod(dir, 0o700);
    const takeTurn = <T>(work: () => Promise<T>): Promise<T> =>
      whileHolding(join(dir, 'lock'), turnPatienceMs, work);

    const url = await takeTurn(() => joinOrStart(home, options.settings ?? {}));
    return {
      url,
      binDir: dirname(home.binaries.postgres),
      stop: once(() => takeTurn(() => leaveAndStop(home))),
    };
  } catch (error) {
    throw inOneLine(error, wanted);
  }
}

async function joinOrStart(home: Home, settings: Readonly<Record<string, string>>): Promise<string> {
  const password = await initialise(home, settings);
  const port = (await findRunning(home)) ?? (await start(home, settings));
  await mkdir(join(home.dir, 'users'), { recursive: true });
  await writeFile(join(home.dir, 'users', String(process.pid)), '');
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
}

/** Makes the cluster beside its place and moves it there when it is whole, so that a half-made one is never used. */
async function initialise(home: Home, settings: Readonly<Record<string, string>>): Promise<string> {
  const passwordFile = join(home.dir, 'password');
  const version = await readFile(join(home.cluster, 'PG_VERSION'), 'utf8').catch(() => undefined);
  const known = await readFile(passwordFile, 'utf8').catch(() => undefined);
  if (version !== undefined) {
    const ours = /\b(\d+)\./.exec((await runAs(home, home.binaries.postgres, ['--version'])).output)?.[1];
    if (version.trim() !== ours) {
      throw new EmbeddedPostgresError(
        `${home.dir} holds data of PostgreSQL ${version.trim()}, this is ${ours ?? 'unknown'}: move the folder away`,
      );
    }
    if (known === undefined) throw new EmbeddedPostgresError(`${passwordFile} is missing: restore it`);
    return known;
  }

  const password = known ?? randomBytes(24).toString('base64url');
  await writeFile(passwordFile, password, { mode: 0o600 });
  await giveToServer(home, passwordFile);
  home.log(`Preparing a PostgreSQL in ${home.dir}`);
  const unfinished = `${home.cluster}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  const { fsync, scram_iterations: iterations } = settings;
  const made = await runAs(home, home.binaries.initdb, [
    `--pgdata=${unfinished}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--locale=C.UTF-8',
    ...(fsync === 'off' ? ['--no-sync'] : []),
    // It keeps the password here and now; what the server is told at its start comes too late for that.
    ...(iterations === undefined ? [] : [`--set=scram_iterations=${iterations}`]),
  ]);
  if (made.code !== 0) throw new Error(made.output);
  await rename(unfinished, home.cluster);
  return password;
}

/** The port of the server that runs on the cluster, or `undefined`. Waits for one that is just coming up. */
async function findRunning(home: Home): Promise<number | undefined> {
  const deadline = Date.now() + startPatienceMs;
  for (;;) {
    const status = await runAs(home, home.binaries.pg_ctl, ['status', '-D', home.cluster]);
    if (status.code !== 0) return undefined;
    const [pid, , , port] = (
      await readFile(join(home.cluster, 'postmaster.pid'), 'utf8').catch(() => '')
    ).split('\n');
    if (await accepts(Number(port))) {
      if (!(await hasUsers(home)))
        home.log(`Using the PostgreSQL that a killed process left running (process ${pid})`);
      return Number(port);
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

async function start(home: Home, settings: Readonly<Record<string, string>>): Promise<number> {
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

async function leaveAndStop(home: Home): Promise<void> {
  await rm(join(home.dir, 'users', String(process.pid)), { force: true });
  if (await hasUsers(home)) return;
  const stop = async (mode: string): Promise<boolean> => {
    const parameters = ['stop', '-w', '-t', String(stopPatienceS), '-m', mode, '-D', home.cluster];
    const { code, output } = await runAs(home, home.binaries.pg_ctl, parameters);
    return code === 0 || output.includes('Is server running?');
  };
  if ((await stop('fast')) || (await stop('immediate'))) return;
  throw new EmbeddedPostgresError(`PostgreSQL in ${home.dir} did not stop`);
}

/** Whether a living process other than this one uses the server: several commands may work on one folder. */
async function hasUsers(home: Home): Promise<boolean> {
  const folder = join(home.dir, 'users');
  const pids = (await readdir(folder).catch(() => [])).map(Number);
  for (const pid of pids) if (!isAlive(pid)) await rm(join(folder, String(pid)), { force: true });
  return pids.some((pid) => pid !== process.pid && isAlive(pid));
}

function runAs(home: Home, command: string, parameters: readonly string[]): ReturnType<typeof runCommand> {
  return runCommand(command, parameters, { user: home.user, cwd: home.dir });
}

async function giveToServer(home: Home, path: string): Promise<void> {
  if (home.user) await chown(path, home.user.uid, home.user.gid);
}

/** `preferred` when nobody listens there, else any free port. */
function freePort(preferred: number): Promise<number> {
  return new Promise((settle, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if (preferred === 0) reject(error);
      else settle(freePort(0));
    });
    server.listen(preferred, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        settle(typeof address === 'object' && address ? address.port : 0);
      });
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect(port, '127.0.0.1');
    const done = (answer: boolean) => (): void => {
      socket.destroy();
      settle(answer);
    };
    socket.setTimeout(1000, done(false));
    socket.once('connect', done(true));
    socket.once('error', done(false));
  });
}

function once(work: () => Promise<void>): () => Promise<void> {
  let run: Promise<void> | undefined;
  return () => (run ??= work());
}

function inOneLine(error: unknown, dir: string): EmbeddedPostgresError {
  if (error instanceof EmbeddedPostgresError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || message.includes('No space left on device')) {
    return new EmbeddedPostgresError(`The disk is full: PostgreSQL needs about 100 MB free for ${dir}`);
  }
  if (
    code === 'EACCES' ||
    code === 'EPERM' ||
    code === 'EROFS' ||
    /Permission denied|Read-only/.test(message)
  ) {
    return new EmbeddedPostgresError(
      `This user may not write to ${dir}: give it the folder, or set DATA_DIR to another`,
    );
  }
  const lines = message.split('\n').filter((line) => /error|fatal|could not|panic/i.test(line));
  return new EmbeddedPostgresError(
    `PostgreSQL in ${dir} did not start: ${lines.at(-1)?.trim() ?? message.trim()}`,
    {
      cause: error,
    },
  );
}
