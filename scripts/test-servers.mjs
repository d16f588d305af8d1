// A real PostgreSQL and a real Redis for the tests, in a temporary folder, on free ports.
import { spawn } from 'node:child_process';
import { accessSync, chmodSync, constants, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { run } from './run.mjs';

const oldestRedis = 7;
const everything = ['~*', '&*', '+@all'];

/** What is missing, as one line for the user. */
export class ServerMissing extends Error {}

/**
 * The path of a redis-server of version 7 or newer: on the PATH, or, as root on Debian or Ubuntu, from apt.
 *
 * @returns {Promise<string | undefined>}
 */
export async function findRedis(say) {
  const found = onPath('redis-server');
  if (found) {
    const { output } = await run(found, ['--version']);
    const version = /v=(\d+)/.exec(output)?.[1];
    if (Number(version) >= oldestRedis) return found;
    say(`${found} is version ${version}; ${oldestRedis} or newer is needed\n`);
    return undefined;
  }
  if (process.getuid?.() !== 0 || !onPath('apt-get')) return undefined;
  await installRedis(say);
  return onPath('redis-server');
}

async function installRedis(say) {
  say('Installing redis-server from apt\n');
  // Debian starts a service when it is installed, unless this file says 101.
  const policy = '/usr/sbin/policy-rc.d';
  const isOurs = !existsSync(policy);
  if (isOurs) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    for (const step of [['update'], ['install', '-y', '--no-install-recommends', 'redis-server']]) {
      const { code, output } = await run('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=120', ...step], {
        env,
      });
      if (code !== 0) {
        say(output);
        throw new ServerMissing(
          'redis-server could not be installed from apt: install Redis 7 or newer yourself.',
        );
      }
    }
  } finally {
    if (isOurs) rmSync(policy, { force: true });
  }
}

/** Whether a Docker daemon answers. */
export async function hasDocker() {
  return Boolean(onPath('docker')) && (await run('docker', ['info'], { timeoutMs: 20_000 })).code === 0;
}

/**
 * Starts a Redis that asks for `password`, which is passed where no process list shows it. Its user `admin`, who has the
 * same password, may do everything.
 *
 * @param rights  of whoever names no user, as parameters of `ACL SETUSER`. Default: all
 * @returns {Promise<{ url: string, adminUrl: string, refusals: () => Promise<string[]>, stop: () => Promise<void> }>}
 */
export async function startRedis(binary, folder, password, rights = everything) {
  const { accepts, freePort } = await import('../dist/database/local-port.js');
  const dir = join(folder, 'redis');
  mkdirSync(dir);
  const port = await freePort(0);
  const server = spawn(binary, ['-'], {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { TMPDIR: folder },
  });
  let output = '';
  server.stdout.on('data', (chunk) => (output += chunk));
  server.stderr.on('data', (chunk) => (output += chunk));
  const ended = new Promise((settle) => server.once('close', settle));
  server.once('error', (error) => (output += error.message));
  server.stdin.on('error', () => undefined);
  const settings = ['bind 127.0.0.1', `port ${port}`, 'save ""', 'appendonly no', `dir "${dir}"`];
  const users = [
    `user default on >${password} ${rights.join(' ')}`,
    `user admin on >${password} ${everything.join(' ')}`,
  ];
  server.stdin.end([...settings, ...users, ''].join('\n'));

  const deadline = Date.now() + 10_000;
  while (!(await accepts(port))) {
    if (server.exitCode !== null || Date.now() > deadline) {
      server.kill('SIGKILL');
      throw new ServerMissing(`redis-server did not start: ${output.trim().split('\n').at(-1)}`);
    }
    await wait(50);
  }
  const urlOf = (user) => `redis://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}`;
  return {
    url: urlOf(''),
    adminUrl: urlOf('admin'),
    refusals: () => refusalsOf(urlOf('admin')),
    async stop() {
      server.kill('SIGTERM');
      const timer = setTimeout(() => server.kill('SIGKILL'), 3000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** What whoever names no user was not allowed to do: the service goes on without, and no test might notice. */
async function refusalsOf(url) {
  const { createClient } = await import('redis');
  const client = createClient({ url, disableOfflineQueue: true }).on('error', () => undefined);
  await client.connect();
  const log = await client.aclLog();
  client.destroy();
  // From Redis 7.2 on the client names itself, and goes on when it may not.
  return log
    .filter(({ username, object }) => username === 'default' && !/^client/i.test(object))
    .map(({ reason, object }) => `${reason} ${object}`);
}

/**
 * Starts the PostgreSQL that comes with the packages. It asks for `password` too, and trades safety for speed.
 *
 * @returns {Promise<{ url: string, binDir: string, stop: () => Promise<void> }>}
 */
export async function startPostgres(folder, password) {
  const { startEmbeddedPostgres } = await import('../dist/database/embedded-postgres.js');
  // As root the server runs as another user, who must get in.
  chmodSync(folder, 0o755);
  const dataDir = join(folder, 'data');
  mkdirSync(join(dataDir, 'postgres'), { recursive: true });
  writeFileSync(join(dataDir, 'postgres', 'password'), password, { mode: 0o600 });
  return startEmbeddedPostgres({
    dataDir,
    log: () => undefined,
    settings: {
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_connections: '200',
      // What makes a password hard to guess takes the time of every connection.
      scram_iterations: '1',
      // Nothing may depend on it: half an hour off, and with summer time.
      timezone: 'America/St_Johns',
    },
  });
}

/** Where the program is, or undefined. */
export function onPath(name) {
  const candidates = (process.env.PATH ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, name));
  return candidates.find((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
