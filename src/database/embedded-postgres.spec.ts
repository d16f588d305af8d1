import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { pollUntil } from '../../test/support/processes.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.js';
import { accepts } from './local-port.js';
import { startOf } from './process-start.js';

/** For what is not about the disk. */
const quickly = { fsync: 'off' };

/** Where a server has run before. */
let prepared: string;
let dataDir: string;
let lines: string[];
let servers: EmbeddedPostgres[];
let programs: ChildProcess[];

beforeAll(async () => {
  prepared = await newFolder();
  const server = await startEmbeddedPostgres({ dataDir: prepared, log: () => undefined, settings: quickly });
  await server.stop();
});

beforeEach(async () => {
  dataDir = await newFolder();
  lines = [];
  servers = [];
  programs = [];
});

afterEach(async () => {
  for (const program of programs) program.kill('SIGKILL');
  for (const server of servers) await server.stop();
  await rm(dataDir, { recursive: true, force: true });
});

afterAll(() => rm(prepared, { recursive: true, force: true }));

/** As root the server runs as another user, who must get in. */
async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'embedded-'));
  await chmod(folder, 0o755);
  return folder;
}

type Options = Partial<Parameters<typeof startEmbeddedPostgres>[0]>;

/** In an empty folder, unless there is something in it already. */
async function start(options: Options = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({
    dataDir,
    log: (line) => lines.push(line),
    settings: quickly,
    ...options,
  });
  servers.push(server);
  return server;
}

/** As after an earlier start, with its owners and modes; to make a cluster anew takes far longer. */
function hasStartedBefore(folder = dataDir): void {
  expect(spawnSync('cp', ['-a', join(prepared, 'postgres'), folder]).status).toBe(0);
}

const lockFileIn = (folder: string) => join(folder, 'postgres', 'cluster', 'postmaster.pid');
const serverIn = async (folder: string) => parseInt(await readFile(lockFileIn(folder), 'utf8'));

/** Whoever is killed is there for a moment yet, and so is who listens on its port. */
async function killServer({ url }: EmbeddedPostgres): Promise<void> {
  process.kill(await serverIn(dataDir), 'SIGKILL');
  await pollUntil(async () => !(await accepts(Number(new URL(url).port))), 10_000);
}

async function startOtherServer(): Promise<number> {
  const folder = join(dataDir, 'other');
  await mkdir(folder);
  hasStartedBefore(folder);
  await start({ dataDir: folder });
  return serverIn(folder);
}

/** PostgreSQL takes only programs of its own user for itself. */
async function startProgram(): Promise<number> {
  const { uid, gid } = await stat(join(dataDir, 'postgres', 'cluster'));
  const program = spawn('sleep', ['600'], { stdio: 'ignore', uid, gid });
  programs.push(program);
  await once(program, 'spawn');
  return program.pid!;
}

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows[0] && Object.values(rows[0])[0];
  } finally {
    await client.end();
  }
}

describe('embedded PostgreSQL', () => {
  it('keeps its data and its port from start to start', async () => {
    hasStartedBefore();
    const first = await start();
    await ask(first.url, 'create table kept as select 42 as answer');
    await first.stop();

    const second = await start();

    expect(second.url).toBe(first.url);
    expect(await ask(second.url, 'select answer from kept')).toBe(42);
  });

  it('writes safely to disk, listens on loopback only and keeps time in UTC', async () => {
    const { url } = await start({ settings: {} });

    expect(await ask(url, 'show fsync')).toBe('on');
    expect(await ask(url, 'show listen_addresses')).toBe('127.0.0.1');
    expect(await ask(url, 'show unix_socket_directories')).toBe('');
    expect(await ask(url, 'show timezone')).toBe('UTC');
  });

  it('asks for the password that lies in a file of mode 0600', async () => {
    hasStartedBefore();
    const { url } = await start();
    const wrong = new URL(url);
    wrong.password = 'wrong';

    await expect(ask(wrong.href, 'select 1')).rejects.toThrow(/password authentication failed/);
    const file = join(dataDir, 'postgres', 'password');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(url).toContain(await readFile(file, 'utf8'));
  });

  it('comes back when the server was killed', async () => {
    hasStartedBefore();
    const first = await start();
    await killServer(first);

    const second = await start();

    expect(await ask(second.url, 'select 1')).toBe(1);
    await first.stop();
  });

  if (process.platform === 'linux') {
    it.each([
      ['a program that is no PostgreSQL', startProgram, undefined],
      ['a PostgreSQL that began later', startOtherServer, '1'],
    ])('comes back when %s has the id of the server that was killed', async (_who, startOther, startedAt) => {
      hasStartedBefore();
      const killed = await start();
      const other = await startOther();
      const [, folder, startS, ...rest] = (await readFile(lockFileIn(dataDir), 'utf8')).split('\n');
      await killServer(killed);
      await writeFile(lockFileIn(dataDir), [other, folder, startedAt ?? startS, ...rest].join('\n'));

      const { url } = await start();

      expect(await ask(url, 'select 1')).toBe(1);
      expect(await serverIn(dataDir)).not.toBe(other);
      expect(() => process.kill(other, 0)).not.toThrow();
    });
  }

  it('is not stopped while another process uses it', async () => {
    hasStartedBefore();
    const server = await start();
    // Process 1 lives as long as the machine.
    const otherUser = join(dataDir, 'postgres', 'users', '1');
    // Earlier versions wrote nothing into it.
    for (const mark of [await startOf(1), '']) {
      await writeFile(otherUser, mark);

      await (await start()).stop();
      expect(await ask(server.url, 'select 1')).toBe(1);
    }

    // A process that was killed had the same id, before the machine was started again.
    if (process.platform === 'linux') await writeFile(otherUser, '1');
    else await rm(otherUser);
    await (await start()).stop();
    await expect(ask(server.url, 'select 1')).rejects.toThrow(/ECONNREFUSED/);
  });

  it('starts once when several processes ask at the same time', async () => {
    const [one, two, three] = await Promise.all([start(), start(), start()]);

    expect(new Set([one.url, two.url, three.url]).size).toBe(1);
    expect(lines.filter((line) => line.startsWith('Preparing'))).toHaveLength(1);
  });

  it('moves to another port when its own is taken', async () => {
    hasStartedBefore();
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((settle) => taken.once('listening', settle));
    const address = taken.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    await writeFile(join(dataDir, 'postgres', 'port'), String(port));

    const { url } = await start().finally(() => taken.close());

    expect(Number(new URL(url).port)).not.toBe(port);
    expect(await ask(url, 'select 1')).toBe(1);
  });

  it('forgets a cluster that was never finished', async () => {
    await mkdir(join(dataDir, 'postgres', 'cluster.unfinished'), { recursive: true });
    await writeFile(join(dataDir, 'postgres', 'cluster.unfinished', 'PG_VERSION'), '18\n');

    expect(await ask((await start()).url, 'select 1')).toBe(1);
  });

  it('says in one line that a platform is not supported', async () => {
    await expect(start({ platform: 'plan9-mips' })).rejects.toThrow(
      /^No PostgreSQL is installed for this platform \(plan9-mips\): set DATABASE_URL=.*$/,
    );
  });

  it('says in one line that the folder holds data of another version', async () => {
    hasStartedBefore();
    await writeFile(join(dataDir, 'postgres', 'cluster', 'PG_VERSION'), '9\n');

    await expect(start()).rejects.toThrow(/holds data of PostgreSQL 9, this is 18: move the folder away$/);
  });

  it('says in one line that the data folder is not a folder', async () => {
    await writeFile(join(dataDir, 'postgres'), 'a file');

    await expect(start()).rejects.toThrow(/^PostgreSQL in .* did not start: EEXIST.*$/);
  });
});
