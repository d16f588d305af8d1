import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { figure } from '../support/figures.js';
import { type AppOptions, type AppProcess, required, spawnApp, waitFor200 } from '../support/processes.js';

jest.setTimeout(120_000);
const isRoot = process.getuid?.() === 0;
/** An ordinary user needs no other; and nobody but root can run a clone in a folder that only root may enter. */
const canRunAsOther =
  isRoot &&
  spawnSync('/bin/sh', ['-c', 'test -r dist/bundle/main.js'], { uid: 65534, gid: 65534 }).status === 0;
/** Containers often forbid root to mount. */
const canMount = isRoot && spawnSync('/bin/sh', ['-c', 'unshare -m mount -t tmpfs tmpfs /mnt']).status === 0;
const firstRequest = '/api/v3/analytics/courses/PROG-101';
const startPatienceMs = 60_000;

/** The first start of all, now over: its process, what it answered before and after another tried to start, its folder. */
let first: { app: AppProcess; second: AppProcess; answers: unknown[]; folder: string };
let folder: string;
let dataDir: string;
let apps: AppProcess[];

beforeAll(async () => {
  await begin();
  const app = await startAndWait();
  const ask = async (): Promise<unknown> => (await fetch(app.url + firstRequest)).json();
  const before = await ask();
  const second = await start({ port: app.port });
  await second.ended;
  first = { app, second, answers: [before, await ask()], folder };
  await app.stop();
});

beforeEach(begin);

afterEach(async () => {
  for (const app of apps) await app.stop();
  await rm(folder, { recursive: true, force: true });
});

afterAll(() => rm(first.folder, { recursive: true, force: true }));

async function begin(): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'start-'));
  await chmod(folder, 0o755);
  dataDir = join(folder, 'data');
  apps = [];
}

/** As after an earlier start, with its owners and modes. */
function hasStartedBefore(): void {
  expect(spawnSync('cp', ['-a', join(first.folder, 'data'), dataDir]).status).toBe(0);
}

async function start({ env = {}, ...options }: AppOptions = {}): Promise<AppProcess> {
  const app = await spawnApp({ env: { DATA_DIR: dataDir, DEMO_DATA: 'seed-doc', ...env }, ...options });
  apps.push(app);
  return app;
}

async function startAndWait(options?: AppOptions): Promise<AppProcess> {
  const app = await start(options);
  await waitFor200(app, firstRequest, startPatienceMs);
  return app;
}

async function databasePid(): Promise<number> {
  const file = join(dataDir, 'postgres', 'cluster', 'postmaster.pid');
  return Number((await readFile(file, 'utf8')).split('\n')[0]);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function mountTiny(path: string): void {
  expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=10m', 'tmpfs', path]).status).toBe(0);
}

/** What the application wrote besides its log. */
function complaints(app: AppProcess): string[] {
  return app
    .output()
    .split('\n')
    .filter((line) => line !== '' && !/^\d\d:\d\d:\d\d - /.test(line));
}

describe('starting without any settings', () => {
  it('brings its own database with data in it, and says where to look', () => {
    const { app, answers } = first;

    expect(answers[0]).toMatchObject({ course_id: 'PROG-101' });
    const local = `http://localhost:${app.port}`;
    expect(app.output()).toContain(`Swagger UI  ${local}/api/v3/docs`);
    expect(app.output()).toContain(`Health      ${local}/health`);
    expect(app.output()).toContain(`curl ${local}${firstRequest}`);
    expect(app.output()).toMatch(/^ +Cache +in memory .* REDIS_URL=redis:\/\/localhost:6379$/m);
  });

  it('T1: takes the data of the last start; the one after a kill uses the database left running, and stops it last at Ctrl-C', async () => {
    hasStartedBefore();
    const begunAt = performance.now();

    const killed = await startAndWait();

    figure('T1', 'until the first answer, ms', performance.now() - begunAt, { atMost: 5000 });
    expect(killed.output()).not.toContain('Loaded the data set');
    const pid = await databasePid();
    killed.signal('SIGKILL');
    await killed.ended;
    expect(isRunning(pid)).toBe(true);

    const next = await startAndWait();
    expect(await databasePid()).toBe(pid);
    expect(next.output()).toContain('Using the PostgreSQL that a killed process left running');

    next.pressCtrlC();
    expect(await next.ended).toBe(0);
    expect(next.output()).toMatch(/SIGINT: finishing what is in flight\n.*Stopped\n$/);
    const log = await readFile(join(dataDir, 'postgres', 'server.log'), 'utf8');
    expect(log).toContain('received fast shutdown request');
    expect(log).not.toContain('terminating connection due to administrator command');
    await expect(databasePid()).rejects.toThrow(/ENOENT/);
  });

  it('stops also when it is told to before the database is there', async () => {
    const app = await start();
    while (!app.output().includes('Preparing a PostgreSQL'))
      await new Promise((next) => setTimeout(next, 20));

    app.signal('SIGTERM');

    expect(await app.ended).toBe(0);
    await expect(databasePid()).rejects.toThrow(/ENOENT/);
  });
});

describe('what can be in the way of a start', () => {
  it('says in one line that the port is busy, and leaves the database of the other process alone', async () => {
    const { app, second, answers } = first;

    expect(await second.ended).toBe(1);
    expect(complaints(second)).toEqual([
      expect.stringMatching(new RegExp(`^Port ${app.port} is busy: .*PORT=`)),
    ]);
    expect(answers[1]).toMatchObject({ course_id: 'PROG-101' });
  });

  it('says in one line that the data folder cannot be used', async () => {
    const app = await start({ env: { DATA_DIR: '/dev/null' } });

    expect(await app.ended).toBe(1);
    expect(complaints(app)).toEqual([
      expect.stringMatching(/^PostgreSQL in \/dev\/null\/postgres did not start: /),
    ]);
  });

  if (canRunAsOther) {
    it('says in one line that an ordinary user may not write to the data folder', async () => {
      await mkdir(dataDir);

      const app = await start({ uid: 65534 });

      expect(await app.ended).toBe(1);
      expect(complaints(app)).toEqual([expect.stringMatching(/^This user may not write to /)]);
    });

    it('runs as an ordinary user', async () => {
      await mkdir(dataDir);
      await chown(dataDir, 65534, 65534);

      await startAndWait({ uid: 65534 });
    });
  }

  if (isRoot) {
    it('keeps its data elsewhere, and says where, when only root may enter the folder', async () => {
      await chmod(folder, 0o700);

      const app = await startAndWait();

      const place = /its data in (\S+)/.exec(app.output())?.[1] ?? '';
      expect(place).toContain('/ai-native-backend/');
      await app.stop();
      await rm(place, { recursive: true });
      await rmdir(dirname(place)).catch(() => undefined);
    });
  }

  if (canMount) {
    it('says in one line that the disk is full', async () => {
      await mkdir(dataDir);
      mountTiny(dataDir);
      try {
        const app = await start();

        expect(await app.ended).toBe(1);
        expect(complaints(app)).toEqual([expect.stringMatching(/^The disk is full: PostgreSQL needs /)]);
      } finally {
        spawnSync('umount', [dataDir]);
      }
    });
  }
});

describe('starting with Redis', () => {
  it('says that the cache is there, and never its password', async () => {
    hasStartedBefore();
    const app = await startAndWait({ env: { REDIS_URL: required('TEST_REDIS_URL') } });
    await app.stop();

    expect(app.output()).toMatch(/^ +Cache +in Redis/m);
    expect(app.output()).not.toContain(required('TEST_CANARY'));
  });
});
