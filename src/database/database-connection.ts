import { setTimeout as wait } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnApplicationShutdown, Optional } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Environment } from '../config/environment.js';
import type { LogRecord } from '../telemetry/log-catalogue.js';
import { News } from '../cache/index.js';
import { databaseReason } from './database-reason.js';
import { type EmbeddedPostgres, EmbeddedPostgresError, startEmbeddedPostgres } from './embedded-postgres.js';
import { migrate, MigrationError } from './migrate.js';
import { PoolerError } from './refuse-pooler.js';

/** Fills the embedded database, if it is empty. */
export type FirstStart = (url: string, environment: Environment) => Promise<void>;
export const FIRST_START = Symbol('first start');

const firstPauseMs = 100;
const longestPauseMs = 2000;
const closePatienceMs = 3000;

/**
 * Brings the database up while the service already listens: starts the embedded server if there is no other,
 * migrates, connects. Tries again for as long as it takes; after that the pool recovers by itself.
 */
@Injectable()
export class DatabaseConnection implements OnApplicationShutdown {
  readonly #logger = new Logger('Database');
  readonly #stop = new AbortController();
  #opening: Promise<void> | undefined;
  #embedded: EmbeddedPostgres | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly environment: Environment,
    @Optional() @Inject(FIRST_START) private readonly firstStart?: FirstStart,
  ) {}

  /** Whether the schema is in place, so that queries can be tried; stays true when the database goes away later. */
  get isReady(): boolean {
    return this.#isReady;
  }
  #isReady = false;

  /**
   * Settles when the database is ready, or the service is closed before that. Safe to call twice.
   *
   * @throws {EmbeddedPostgresError} if the embedded server cannot run here: trying again would not help
   */
  open(): Promise<void> {
    return (this.#opening ??= this.#openUntilReady());
  }

  async onApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    await this.#opening?.catch(() => undefined);
    if (this.dataSource.isInitialized) {
      const closed = this.dataSource.destroy();
      await Promise.race([closed, wait(closePatienceMs, undefined, { ref: false })]);
    }
    await this.#embedded?.stop();
  }

  async #openUntilReady(): Promise<void> {
    let pauseMs = firstPauseMs;
    const news = new News();
    while (!this.#isStopping()) {
      try {
        await this.#openOnce();
        this.#isReady = true;
        this.#logger.log({ event: 'database.ready' } satisfies LogRecord);
        return;
      } catch (error) {
        if (error instanceof EmbeddedPostgresError) throw error;
        if (this.#isStopping()) return;
        const record = recordOf(error);
        if (news.isNew(`${record.event} ${record.migration} ${record.reason}`)) this.#logger.error(record);
      }
      await wait(pauseMs * (0.5 + Math.random() / 2), undefined, { signal: this.#stop.signal }).catch(
        () => undefined,
      );
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  }

  #isStopping(): boolean {
    return this.#stop.signal.aborted;
  }

  async #openOnce(): Promise<void> {
    const url = this.environment.DATABASE_URL ?? (await this.#startEmbedded());
    const names = await migrate(url, {
      signal: this.#stop.signal,
      onWait: () => {
        this.#logger.log({ event: 'database.waiting' } satisfies LogRecord);
      },
    });
    if (names.length > 0) this.#logger.log(`🔧 Database migrated: ${names.join(', ')}`);
    if (!this.dataSource.isInitialized) {
      await this.dataSource.setOptions({ url }).initialize();
    }
    if (this.#embedded && this.firstStart) await this.firstStart(url, this.environment);
  }

  async #startEmbedded(): Promise<string> {
    this.#embedded ??= await startEmbeddedPostgres({
      dataDir: this.environment.DATA_DIR,
      log: (line) => {
        this.#logger.log(`🔧 ${line}`);
      },
    });
    return this.#embedded.url;
  }
}

function recordOf(error: unknown): LogRecord {
  if (error instanceof MigrationError) {
    return { event: 'database.migration_failed', migration: error.migration, reason: error.code };
  }
  if (error instanceof PoolerError) return { event: 'database.pooler' };
  return { event: 'database.not_ready', reason: databaseReason(error) };
}
