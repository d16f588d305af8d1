import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { patience } from './patience.js';

export interface RedisProcess {
  /** For the service: names no user, and so has the rights that docs/REDIS_INTEGRATION.md recommends. */
  readonly url: string;
  /** For tests: may do everything. */
  readonly adminUrl: string;
  readonly port: number;
  readonly pid: number;
  /** Ends the server as an administrator would, and removes its folder. Safe to call twice. */
  stop(): Promise<void>;
  /** `kill -9`; `startRedis({ port })` with the same port brings an empty server back. */
  kill(): Promise<void>;
  /** `kill -STOP`: connections stay open and nothing answers. */
  freeze(): void;
  thaw(): void;
}

/** The user of Redis who may do everything, also when one server copies another. */
export const redisAdmin = { name: 'admin', password: 'of-the-tests' } as const;

/**
 * Starts a redis-server on 127.0.0.1 and waits until it answers PING.
 *
 * @param port default: a free one
 * @param args      further options as on the command line, such as `['--maxmemory', '1mb']`
 * @param persist   leave saving to disk as the server has it by default. Default: false, nothing is saved
 * @param rights    of whoever names no user, beside the documented ones, such as `['~own:*']`; `'all'` sets up no users
 */
export async function startRedis({
  port,
  args = [],
  password,
  persist = false,
  rights = [],
}: {
  port?: number;
  args?: readonly string[];
  password?: string;
  persist?: boolean;
  rights?: readonly string[] | 'all';
} = {}): Promise<RedisProcess> {
  const binary = required('TEST_REDIS_SERVER');
  const usedPort = port ?? (await freePort());
  const dir = await mkdtemp(join(tmpdir(), 'redis-'));
  const options = ['--port', String(usedPort), '--bind', '127.0.0.1', '--dir', dir];
  if (!persist) options.push('--save', '');
  options.push(...args);
  if (rights === 'all') {
    if (password !== undefined) options.push('--requirepass', password);
  } else options.push(...users(password, rights));
  const child = spawn(binary, options, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = collectOutput(child);
  const ended = whenEnded(child);
  const remove = (): Promise<void> => rm(dir, { recursive: true, force: true });

  try {
    await pollUntil(async () => {
      if (child.exitCode !== null) throw new Error(`redis-server ended at start: ${output()}`);
      const answer = await talk(usedPort, 'PING\r\n');
      return answer.startsWith('+PONG') || answer.startsWith('-NOAUTH');
    }, 10_000);
  } catch (error) {
    child.kill('SIGKILL');
    await remove();
    throw error;
  }

  const url = `redis://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${usedPort}`;
  return {
    url,
    adminUrl:
      rights === 'all' ? url : `redis://${redisAdmin.name}:${redisAdmin.password}@127.0.0.1:${usedPort}`,
    port: usedPort,
    pid: child.pid!,
    async stop() {
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      await ended;
      await remove();
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
      await remove();
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
  };
}

/** Options of the server that let its clients do what is documented, and an administrator everything. */
function users(password: string | undefined, more: readonly string[]): string[] {
  const rights = [...required('TEST_REDIS_RIGHTS').split(' '), ...more];
  const { name, password: ofAdmin } = redisAdmin;
  return [
    ...['--user', 'default', 'on', password === undefined ? 'nopass' : `>${password}`, ...rights],
    ...['--user', name, 'on', `>${ofAdmin}`, '~*', '&*', '+@all'],
    ...['--masteruser', name, '--masterauth', ofAdmin],
  ];
}

export interface AppProcess {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Everything written to stdout and stderr so far. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** As Ctrl-C in a terminal: SIGINT to the process and all that it started in its group. */
  pressCtrlC(): void;
  /** Resolves with the exit code, or the signal's name, once the process is gone. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** SIGTERM, then SIGKILL after `graceMs`. Safe to call twice. */
  stop(graceMs?: number): Promise<number | NodeJS.Signals>;
}

export interface AppOptions {
  /** On top of {@link patience} and of the environment of the test, without its DATABASE_URL, REDIS_URL and AUTH_*. */
  env?: Record<string, string>;
  port?: number;
  /** The program. Default: `dist/bundle/main.js` of this project. */
  main?: string;
  /** User to run as; only root may set it. */
  uid?: number;
  cwd?: string;
  /** How many files and sockets it may hold open. Default: as many as the test. */
  maxFiles?: number;
  /** Run as nobody, without capabilities, where no file system can be written to; see {@link whyNotReadOnly}. */
  readOnly?: boolean;
}

/** Begins a program as {@link AppOptions.readOnly} says. Exits with 97 where anything can be written all the same. */
const readOnly = [
  'unshare',
  '-m',
  '/bin/sh',
  '-c',
  `cut -d" " -f2 /proc/self/mounts | while read -r place; do mount -o remount,bind,ro "$place"; done 2> /dev/null
  exec setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --bounding-set=-all /bin/sh -c '
    for place in . /tmp /var/tmp /dev/shm; do ! test -w "$place" || exit 97; done
    exec "$@"' sh "$@"`,
  'sh',
];

/** What is in the way of {@link AppOptions.readOnly} on this machine; `undefined`: nothing. */
export function whyNotReadOnly(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can make file systems read-only';
  const [command, ...parameters] = [
    ...readOnly,
    'test',
    '-r',
    join(process.cwd(), 'dist', 'bundle', 'main.js'),
  ];
  const { status, stderr, error } = spawnSync(command, parameters, { cwd: tmpdir(), encoding: 'utf8' });
  if (status === 0) return undefined;
  if (error) return error.message;
  if (status === 97) return 'file systems stay writable';
  return stderr.trim() || 'only root may enter the folder of the project';
}

/** Starts the built application as `npm start` does, on a free port, and does not wait for it. */
export async function spawnApp({
  env = {},
  port,
  main = join(process.cwd(), 'dist', 'bundle', 'main.js'),
  uid,
  cwd,
  maxFiles,
  readOnly: isReadOnly = false,
}: AppOptions = {}): Promise<AppProcess> {
  const usedPort = port ?? (await freePort());
  const limit = maxFiles === undefined ? [] : ['/bin/sh', '-c', `ulimit -n ${maxFiles}; exec "$@"`, 'sh'];
  const begin = [...(isReadOnly ? readOnly : []), ...limit];
  const [command, ...parameters] = [...begin, process.execPath, main];
  const child = spawn(command, parameters, {
    // Not the project's folder: a developer's .env lies there.
    cwd: cwd ?? tmpdir(),
    env: { ...inheritedEnvironment(), ...patience, PORT: String(usedPort), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const output = collectOutput(child);
  const ended = whenEnded(child);
  return {
    url: `http://127.0.0.1:${usedPort}`,
    port: usedPort,
    pid: child.pid!,
    output,
    signal: (name) => void child.kill(name),
    pressCtrlC: () => void process.kill(-child.pid!, 'SIGINT'),
    ended,
    async stop(graceMs = 30_000) {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      try {
        return await ended;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/**
 * Waits until GET `url + path` answers 200.
 *
 * @throws {Error} with the output of the app when it ended or when `withinMs` have passed
 */
export async function waitFor200(app: AppProcess, path: string, withinMs: number): Promise<void> {
  let over = false;
  void app.ended.then(() => (over = true));
  try {
    await pollUntil(async () => {
      if (over) throw new Error('the application ended');
      const answer = await fetch(app.url + path, { signal: AbortSignal.timeout(2000) }).catch(
        () => undefined,
      );
      await answer?.body?.cancel();
      return answer?.status === 200;
    }, withinMs);
  } catch (error) {
    throw new Error(`${(error as Error).message} while waiting for ${path}; its output:\n${app.output()}`, {
      cause: error,
    });
  }
}

const POLL_MS = 50;

/** Calls `check` every 50 ms until it gives true; throws what it throws, or an error after `withinMs`. */
export async function pollUntil(check: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
  let deadlineMs = performance.now() + withinMs;
  while (!(await check())) {
    const sinceMs = performance.now();
    if (sinceMs > deadlineMs) throw new Error(`not within ${withinMs} ms`);
    await wait(POLL_MS);
    // While this process stood still, so may have what it waits for.
    deadlineMs += performance.now() - sinceMs - POLL_MS;
  }
}

/**
 * A TCP port that nobody listens on, below those that systems give to whoever connects somewhere. With 10,000 added, as Redis
 * Cluster does, it is below them too. No two tests of a run get the same one: a killed server's is nobody else's until it is back.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = 12_000 + Math.floor(Math.random() * 10_000);
    if ((await isFree(port)) && (await claim(port))) return port;
  }
  throw new Error('no free port was found');
}

/** Whether nobody of this run has the port, in whichever process. */
async function claim(port: number): Promise<boolean> {
  // Whoever runs alone, without it, has no others to share with.
  const folder = process.env.TEST_PORTS;
  if (!folder) return true;
  try {
    await writeFile(join(folder, String(port)), '', { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const server = createServer();
    server.once('error', () => {
      settle(false);
    });
    server.listen(port, () => {
      server.close(() => {
        settle(true);
      });
    });
  });
}

/** The variable's value; a test without its servers fails loudly instead of being skipped. */
export function required(name: string): string {
  const value = process.env[name];
  if (!value)
    throw new Error(`${name} is not set: run the tests with "npm test", which starts the servers they need`);
  return value;
}

function inheritedEnvironment(): Record<string, string> {
  const mine = /^(DATABASE_URL|REDIS_|AUTH_|DATA_DIR|PORT|HEALTH_PORT|NODE_ENV|JEST_)/;
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (pair): pair is [string, string] => pair[1] !== undefined && !mine.test(pair[0]),
    ),
  );
}

function collectOutput(child: ChildProcess): () => string {
  let text = '';
  const collect = (chunk: Buffer): void => {
    text = (text + chunk.toString('utf8')).slice(-1_000_000);
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  return () => text;
}

function whenEnded(child: ChildProcess): Promise<number | NodeJS.Signals> {
  return new Promise((settle, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      settle(code ?? signal ?? -1);
    });
  });
}

/** One request and the first bytes of its answer, without a client library; empty when nobody answers within 1 s. */
function talk(port: number, request: string): Promise<string> {
  return new Promise((settle) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    const done = (text: string): void => {
      socket.destroy();
      settle(text);
    };
    socket.setTimeout(1000, () => {
      done('');
    });
    socket.once('data', (chunk) => {
      done(chunk.toString('utf8'));
    });
    socket.once('error', () => {
      done('');
    });
  });
}
