import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { LogRecord } from '../telemetry/log-catalogue.js';
import { News } from '../cache/index.js';
import { DatabasePing } from './database-ping.js';

const lookEveryMs = 1000;
/** How long it must be quiet for an outage to be over: a small pool refuses some callers and serves others in between. */
const quietMs = 5000;

/**
 * Logs that the database cannot be used, when a caller or a probe has found that out; then each reason once a minute; and when
 * the database answers again, which it finds out by itself.
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
