import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { LogRecord } from '../telemetry/log-catalogue.js';
import { News } from '../cache/index.js';
import { DatabasePing } from './database-ping.js';

const lookEveryMs = 1000;
/** A pool that is too small refuses some and serves others: it shall not end and begin with each of them. */
const quietMs = 5000;

/**
 * Tells the log that the database cannot be had, whoever finds out first: a caller, or a probe. Then once a minute for each
 * reason, and when it answers again, which it finds out by itself.
 */
@Injectable()
export class DatabaseOutage implements OnApplicationShutdown {
  readonly #logger = new Logger('Database');
  readonly #news = new News();
  #watch: NodeJS.Timeout | undefined;
  #foundAtMs = 0;
  #isClosed = false;

  constructor(private readonly ping: DatabasePing) {}

  /** @param reason  a code, as {@link databaseReason} gives it */
  found(reason: string): void {
    if (this.#isClosed) return;
    this.#foundAtMs = performance.now();
    this.#watch ??= setInterval(() => void this.#look(), lookEveryMs).unref();
    if (!this.#news.isNew(reason)) return;
    this.#logger.error({ event: 'database.away', reason, request_id: undefined } satisfies LogRecord);
  }

  onApplicationShutdown(): void {
    this.#isClosed = true;
    this.#end();
  }

  async #look(): Promise<void> {
    if (!(await this.ping.isAnswering())) this.found(this.ping.failure ?? 'unknown');
    else if (this.#watch && performance.now() - this.#foundAtMs >= quietMs) {
      this.#end();
      this.#logger.log({ event: 'database.back', request_id: undefined } satisfies LogRecord);
    }
  }

  #end(): void {
    clearInterval(this.#watch);
    this.#watch = undefined;
    this.#news.forget();
  }
}
