import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { CacheService, RedisService, type CacheStats } from '../cache/index.js';
import { DatabasePing } from '../database/database-ping.js';
import { poolUse } from '../database/pool-use.js';
import { AnsweredProblems } from '../http/answered-problems.js';
import { HandlerLimit } from '../http/handler-limit.interceptor.js';
import { RequestDurations } from '../http/request-durations.js';
import { cacheMetrics, type WaitingInOutbox } from './cache-metrics.js';
import { serviceMetrics } from './service-metrics.js';
import { show } from './shown-metric.js';

const freshMs = 1000;

/** Everything that this service measures of itself, for Prometheus. */
@Injectable()
export class Metrics {
  readonly #register = new Registry();
  #stats: CacheStats | undefined;
  #outbox: Promise<WaitingInOutbox | undefined> | undefined;
  #latest: { readonly askedAtMs: number; readonly text: Promise<string> } | undefined;

  constructor(
    cache: CacheService,
    redis: RedisService,
    dataSource: DataSource,
    problems: AnsweredProblems,
    database: DatabasePing,
    limit: HandlerLimit,
    requests: RequestDurations,
  ) {
    const ofCache = cacheMetrics({
      // Once for all metrics: it copies the figures of each prefix.
      stats: () => (this.#stats ??= cache.stats()),
      hearsOthers: () => cache.hearsOthers,
      goesByOutbox: () => cache.goesByOutbox,
      redis,
      // Once for both metrics of it.
      outbox: async () => {
        if (redis.status() === 'not_configured') return undefined;
        return (this.#outbox ??= waitingInOutbox(dataSource, redis.namespace));
      },
    });
    const ofService = serviceMetrics({
      requests: () => requests.counts,
      problems: () => problems.counts,
      overloads: () => problems.overloads,
      load: () => limit.load,
      connections: () => poolUse(dataSource),
      isDatabaseUp: () => database.isAnswering(),
    });
    // Before those of the cache: these ask the database, and would show up among those who wait for it.
    for (const metric of [...ofService, ...ofCache]) show(this.#register, metric);
  }

  get contentType(): string {
    return this.#register.contentType;
  }

  /** In Prometheus's text format. Read at most once a second, since anybody may ask. */
  text(): Promise<string> {
    const askedAtMs = performance.now();
    if (!this.#latest || askedAtMs - this.#latest.askedAtMs >= freshMs) {
      this.#stats = undefined;
      this.#outbox = undefined;
      this.#latest = { askedAtMs, text: Registry.merge([processRegister(), this.#register]).metrics() };
    }
    return this.#latest.text;
  }
}

/** `undefined` while the database is away: that leaves out only these lines, and has alarms of its own. */
async function waitingInOutbox(
  dataSource: DataSource,
  namespace: string,
): Promise<WaitingInOutbox | undefined> {
  if (!dataSource.isInitialized) return undefined;
  try {
    const [row] = await dataSource.query<WaitingInOutbox[]>(
      'SELECT count(*)::int AS rows, ' +
        // Its clock may have been put back since.
        'coalesce(greatest(extract(epoch FROM clock_timestamp() - min(written_at)), 0), 0)::float8 AS "oldestS" FROM ' +
        '(SELECT written_at FROM cache_outbox WHERE namespace = $1 OR namespace IS NULL LIMIT 100000) AS held',
      [namespace],
    );
    return row;
  } catch {
    return undefined;
  }
}

let ofProcess: Registry | undefined;

/** Metrics of the process, such as memory: one register for all its applications, since what measures them never ends. */
function processRegister(): Registry {
  if (!ofProcess) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}
