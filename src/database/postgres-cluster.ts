import { randomBytes } from 'node:crypto';
import { chown, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  EmbeddedPostgresError,
  type PostgresBinaries,
  runCommand,
  type ServerUser,
} from './postgres-binaries.js';

/** Where the server is, and which user runs it. */
export interface PostgresHome {
  readonly binaries: PostgresBinaries;
  readonly user: ServerUser | undefined;
  readonly dir: string;
  readonly cluster: string;
  readonly log: (line: string) => void;
}

/**
 * Makes the cluster if there is none. It is made beside its place and moved there when it is complete, so that an unfinished
 * one is never used.
 *
 * @returns the password
 */
export async function ensureCluster(
  home: PostgresHome,
  settings: Readonly<Record<string, string>>,
): Promise<string> {
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
    // Given here, since the password is stored now: a setting of the server comes too late for that.
    ...(iterations === undefined ? [] : [`--set=scram_iterations=${iterations}`]),
  ]);
  if (made.code !== 0) throw new Error(made.output);
  await rename(unfinished, home.cluster);
  return password;
}

/** Runs a program as the user of the server. */
export function runAs(
  home: PostgresHome,
  command: string,
  parameters: readonly string[],
): ReturnType<typeof runCommand> {
  return runCommand(command, parameters, { user: home.user, cwd: home.dir });
}

export async function giveToServer(home: PostgresHome, path: string): Promise<void> {
  if (home.user) await chown(path, home.user.uid, home.user.gid);
}
