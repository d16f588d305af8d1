import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { runCommand } from '../../src/database/postgres-binaries.js';

/** A PostgreSQL of a test's own, which it may treat badly. */
export interface PostgresProcess {
  /** Of a superuser. */
  readonly url: string;
  /** As a crash: `pg_ctl stop -m immediate`. */
  crash(): Promise<void>;
  /** Starts it again with the same data on the same port. */
  start(): Promise<void>;
  /** `kill -STOP` to all its processes: connections stay open, new ones are accepted, nothing answers. */
  freeze(): Promise<void>;
  thaw(): void;
  /** Stops it and removes its data. */
  remove(): Promise<void>;
}

const throwAway = {
  fsync: 'off',
  full_page_writes: 'off',
  // Each connection of a test takes its time for them.
  scram_iterations: '1',
  // As a server has it that is not ours.
  deadlock_timeout: '1s',
};

export async function startPostgres(): Promise<PostgresProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'postgres-'));
  // As root the server runs as another user, who must get in.
  await chmod(folder, 0o755);
  const begin = () => startEmbeddedPostgres({ dataDir: folder, log: () => undefined, settings: throwAway });
  let running = await begin();
  const cluster = join(folder, 'postgres', 'cluster');
  const { uid, gid } = await stat(cluster);
  const user = process.getuid?.() === 0 ? { uid, gid } : undefined;
  const mainPid = async () =>
    Number((await readFile(join(cluster, 'postmaster.pid'), 'utf8')).split('\n')[0]);
  let frozen: number[] = [];

  const thaw = () => {
    for (const pid of frozen.splice(0)) signal(pid, 'SIGCONT');
  };
  return {
    url: running.url,
    async crash() {
      const stop = ['stop', '-w', '-m', 'immediate', '-D', cluster];
      const { code, output } = await runCommand(join(running.binDir, 'pg_ctl'), stop, {
        user,
        cwd: dirname(cluster),
      });
      if (code !== 0) throw new Error(output);
    },
    async start() {
      running = await begin();
    },
    async freeze() {
      const pid = await mainPid();
      // First, so that it starts no others meanwhile.
      signal(pid, 'SIGSTOP');
      frozen = [pid, ...(await childrenOf(pid))];
      for (const child of frozen.slice(1)) signal(child, 'SIGSTOP');
    },
    thaw,
    async remove() {
      thaw();
      await running.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=']);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child ?? 0);
}

/** One that has ended meanwhile needs none. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
