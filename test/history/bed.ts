import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import type { PostgresProcess } from '../support/postgres-process.js';
import { startRedis, type RedisProcess } from '../support/processes.js';
import type { PlantedFault } from './planted-faults.js';

export interface BedOptions {
  readonly processes: number;
  readonly keys: number;
  readonly consistency: 'strong' | 'bounded';
  readonly planted?: PlantedFault | undefined;
  /** So much the clock of the first process is ahead, and that of the second behind. Default: 0 */
  readonly clocksApartMs?: number | undefined;
  /** The server that its database is on, if it may hang, for all who use it. */
  readonly postgres?: Pick<PostgresProcess, 'freeze' | 'thaw'> | undefined;
  /** Folder of the compiled programs. Default: that of this file. */
  readonly programs?: URL | undefined;
}

/** A process of the service, with a way to Redis of its own. */
export interface ServiceProcess {
  readonly proxy: FaultProxy;
  /** Where it listens; `null` while it is down. */
  port: number | null;
  child: ChildProcess;
}

/** What a process says when it listens. */
export interface Listening {
  readonly port: number;
  /** The time that it believes it is, from each way to ask for it. */
  readonly clocksMs: readonly number[];
}

const PROCESS_START_MS = 60_000;
/** Between what a process says the time is and when that is heard. */
const MOST_OFF_MS = 30_000;

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
      for (let n = 0; n < options.processes; n++) await bed.#place();
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

  /** One more. @param env  what it is told beside what all are told */
  async addService(env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
    const service = await this.#place();
    await this.startService(service, env);
    return service;
  }

  async #place(): Promise<ServiceProcess> {
    const proxy = await startFaultProxy(this.redis.url);
    const service: ServiceProcess = { proxy, port: null, child: undefined as never };
    this.services.push(service);
    return service;
  }

  async startService(service: ServiceProcess, env: Readonly<Record<string, string>> = {}): Promise<void> {
    const { consistency, planted, programs = import.meta.url } = this.#options;
    const aheadMs = this.#aheadMs(service);
    const shiftedClock = ['--import', new URL('../support/shifted-clock.js', programs).href];
    const child = fork(fileURLToPath(new URL('./server.process.js', programs)), {
      execArgv: aheadMs === 0 ? [] : shiftedClock,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: {
        PATH: process.env.PATH,
        REDIS_URL: service.proxy.url,
        DATABASE_URL: this.#database.url,
        CONSISTENCY: consistency,
        ...(planted ? { PLANTED: planted } : {}),
        ...(aheadMs === 0 ? {} : { CLOCK_AHEAD_MS: String(aheadMs) }),
        ...env,
      },
    });
    service.child = child;
    const [{ port, clocksMs }] = (await Promise.race([
      once(child, 'message', { signal: AbortSignal.timeout(PROCESS_START_MS) }),
      once(child, 'exit').then(() => {
        throw new Error('a process of the service ended as it started');
      }),
    ])) as [Listening];
    // Else nothing is seen of what clocks that are apart do.
    if (clocksMs.some((clockMs) => Math.abs(clockMs - aheadMs - Date.now()) > MOST_OFF_MS)) {
      throw new Error(`a clock that should be ${aheadMs} ms ahead is not`);
    }
    child.once('exit', () => {
      if (service.port !== null) this.deaths++;
    });
    service.port = port;
    this.onMoved();
  }

  #aheadMs(service: ServiceProcess): number {
    const { clocksApartMs = 0 } = this.#options;
    return [clocksApartMs, -clocksApartMs][this.services.indexOf(service)] ?? 0;
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
    await this.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
  }

  /** Every process of PostgreSQL stands still. */
  async freezeDatabase(): Promise<void> {
    const { postgres } = this.#options;
    if (!postgres) throw new Error('others use this PostgreSQL, too: it may not hang');
    await postgres.freeze();
  }

  thawDatabase(): void {
    this.#options.postgres?.thaw();
  }

  /** On a connection of its own. @returns the rows */
  async query(statement: string, parameters: readonly unknown[] = []): Promise<unknown[]> {
    const client = new Client({ connectionString: this.#database.url });
    await client.connect();
    try {
      return (await client.query(statement, [...parameters])).rows;
    } finally {
      await client.end();
    }
  }

  /** May be called again. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.redis.thaw();
    this.thawDatabase();
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
