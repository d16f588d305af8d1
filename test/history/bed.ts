import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startRedis, type RedisProcess } from '../support/processes.js';
import type { PlantedFault } from './planted-faults.js';

export interface BedOptions {
  readonly processes: number;
  readonly keys: number;
  readonly consistency: 'strong' | 'bounded';
  readonly planted?: PlantedFault | undefined;
}

/** A process of the service, with a way to Redis of its own. */
export interface ServiceProcess {
  readonly proxy: FaultProxy;
  /** Where it listens; `null` while it is down. */
  port: number | null;
  child: ChildProcess;
}

const PROCESS_START_MS = 60_000;

/** A Redis, a PostgreSQL and processes of the service that use them, all of them real, to be broken. */
export class Bed {
  redis: RedisProcess;
  readonly services: ServiceProcess[] = [];
  /** Processes that ended without being killed. */
  deaths = 0;
  /** Told when a process of the service comes or goes. */
  onMoved: () => void = () => undefined;
  readonly #options: BedOptions;
  readonly #folder: string;
  readonly #database: TestDatabase;
  #isStopped = false;

  private constructor(options: BedOptions, folder: string, database: TestDatabase, redis: RedisProcess) {
    this.#options = options;
    this.#folder = folder;
    this.#database = database;
    this.redis = redis;
  }

  static async start(options: BedOptions): Promise<Bed> {
    const folder = await mkdtemp(join(tmpdir(), 'history-redis-'));
    const database = await createTestDatabase();
    await database.dataSource.query(
      'CREATE TABLE versions (key int PRIMARY KEY, version int NOT NULL DEFAULT 0)',
    );
    await database.dataSource.query('INSERT INTO versions SELECT n FROM generate_series(0, $1) n', [
      options.keys - 1,
    ]);
    await database.dataSource.destroy();
    const bed = new Bed(options, folder, database, await startRedis({ args: ['--dir', folder] }));
    try {
      for (let n = 0; n < options.processes; n++) {
        const proxy = await startFaultProxy(bed.redis.url);
        bed.services.push({ proxy, port: null, child: undefined as never });
      }
      const starts = await Promise.allSettled(bed.services.map((service) => bed.startService(service)));
      for (const start of starts) if (start.status === 'rejected') throw start.reason as Error;
    } catch (error) {
      await bed.stop();
      throw error;
    }
    return bed;
  }

  get ports(): (number | null)[] {
    return this.services.map(({ port }) => port);
  }

  /** With what it saved last, or empty. */
  async restartRedis(): Promise<void> {
    this.redis = await startRedis({ args: ['--dir', this.#folder], port: this.redis.port });
  }

  /** What is saved is gone. */
  async forgetSaved(): Promise<void> {
    await rm(join(this.#folder, 'dump.rdb'), { force: true });
  }

  async startService(service: ServiceProcess): Promise<void> {
    const { consistency, planted } = this.#options;
    const child = fork(fileURLToPath(new URL('./server.process.js', import.meta.url)), {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: {
        PATH: process.env.PATH,
        REDIS_URL: service.proxy.url,
        DATABASE_URL: this.#database.url,
        CONSISTENCY: consistency,
        ...(planted ? { PLANTED: planted } : {}),
      },
    });
    service.child = child;
    const [port] = (await Promise.race([
      once(child, 'message', { signal: AbortSignal.timeout(PROCESS_START_MS) }),
      once(child, 'exit').then(() => {
        throw new Error('a process of the service ended as it started');
      }),
    ])) as [number];
    child.once('exit', () => {
      if (service.port !== null) this.deaths++;
    });
    service.port = port;
    this.onMoved();
  }

  async killService(service: ServiceProcess): Promise<void> {
    service.port = null;
    this.onMoved();
    const ended = once(service.child, 'exit');
    service.child.kill('SIGKILL');
    await ended;
  }

  /** Ends every connection of the service to the database, whatever it is doing. */
  async killDatabaseConnections(): Promise<void> {
    const client = new Client({ connectionString: this.#database.url });
    await client.connect();
    await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    await client.end();
  }

  /** May be called again. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.redis.thaw();
    for (const service of this.services) {
      service.port = null;
      // Of a start that failed not every process has begun.
      (service.child as ChildProcess | undefined)?.kill('SIGKILL');
      await service.proxy.close();
    }
    await this.redis.stop();
    await this.#database.drop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
