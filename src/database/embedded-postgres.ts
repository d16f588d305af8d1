import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { whileHolding } from './exclusive-file.js';
import { EmbeddedPostgresError, locateBinaries, placeForUser, serverUser } from './postgres-binaries.js';
import { ensureCluster, giveToServer, type PostgresHome } from './postgres-cluster.js';
import { findRunning, startServer, stopServer } from './postgres-server.js';
import { isStillThere, startOf, UNKNOWN } from './process-start.js';

export { EmbeddedPostgresError } from './postgres-binaries.js';

interface EmbeddedPostgresOptions {
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

const turnPatienceMs = 60_000;

/**
 * Starts the PostgreSQL that comes with the npm packages, or joins the one that already runs on this folder,
 * such as one left behind by a killed process. It listens on a port of 127.0.0.1 that stays the same from start
 * to start while it is free, and asks for a password, which is in a file of mode 0600 in the folder. It is in a
 * session of its own, so that Ctrl-C does not reach it. As root it runs as "nobody", so that no user has to be made.
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
    const home: PostgresHome = {
      binaries: placed.binaries,
      user,
      dir,
      cluster: join(dir, 'cluster'),
      log: options.log,
    };
    // The owner first, or else the server's user could not enter for a moment, just when another start checks that.
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

async function joinOrStart(home: PostgresHome, settings: Readonly<Record<string, string>>): Promise<string> {
  const password = await ensureCluster(home, settings);
  const running = await findRunning(home);
  if (running && !(await hasUsers(home))) {
    home.log(`Using the PostgreSQL that a killed process left running (process ${running.pid})`);
  }
  const port = running?.port ?? (await startServer(home, settings));
  await mkdir(join(home.dir, 'users'), { recursive: true });
  await writeFile(join(home.dir, 'users', String(process.pid)), await startOf(process.pid));
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
}

async function leaveAndStop(home: PostgresHome): Promise<void> {
  await rm(join(home.dir, 'users', String(process.pid)), { force: true });
  if (await hasUsers(home)) return;
  if (await stopServer(home)) return;
  throw new EmbeddedPostgresError(`PostgreSQL in ${home.dir} did not stop`);
}

/** Whether a living process other than this one uses the server: several commands may work on one folder. */
async function hasUsers(home: PostgresHome): Promise<boolean> {
  const folder = join(home.dir, 'users');
  let isUsed = false;
  for (const pid of await readdir(folder).catch(() => [])) {
    const file = join(folder, pid);
    // Files of earlier versions are empty.
    const start = (await readFile(file, 'utf8').catch(() => '')) || UNKNOWN;
    if (!(await isStillThere(Number(pid), start))) await rm(file, { force: true });
    else if (Number(pid) !== process.pid) isUsed = true;
  }
  return isUsed;
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
