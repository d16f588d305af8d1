import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { CacheService, RedisService, type CacheStats } from '../cache/index.js';
import { DatabasePing } from '../database/database-ping.js';
import { poolUse } from '../database/pool-use.js';
import { AnsweredProblems } from '../http/answered-problems.js';
import { HandlerLimit } from '../http/handler-limit.interceptor.js';
import { cacheMetrics } from './cache-metrics.js';
import { serviceMetrics } from './service-metrics.js';
import { show } from './shown-metric.js';

const freshMs = 1000;

/** Everything that this service measures of itself, for Prometheus. */
@Injectable()
export class Metrics {
  readonly #register = new Registry();
  #stats: CacheStats | undefined;
  #latest: { readonly askedAtMs: number; readonly text: Promise<string> } | undefined;

  constructor(
    cache: CacheService,
    redis: RedisService,
    dataSource: DataSource,
    problems: AnsweredProblems,
    database: DatabasePing,
    limit: HandlerLimit,
  ) {
    const ofCache = cacheMetrics({
      // Taken once for all of them: it copies what is counted, for each prefix.
      stats: () => (this.#stats ??= cache.stats()),
      hearsOthers: () => cache.hearsOthers,
      goesByOutbox: () => cache.goesByOutbox,
      redis,
      outboxRows: async () =>
        redis.status() === 'not_configured' ? undefined : outboxRows(dataSource, redis.namespace),
    });
    const ofService = serviceMetrics({
      problems: () => problems.counts,
      overloads: () => problems.overloads,
      load: () => limit.load,
      connections: () => poolUse(dataSource),
      isDatabaseUp: () => database.isAnswering(),
    });
    // Those of the cache ask the database, and would be seen waiting for it.
    for (const metric of [...ofService, ...ofCache]) show(this.#register, metric);
  }

  get contentType(): string {
    return this.#register.contentType;
  }

  /** Values of the last second, in Prometheus's text format: anybody may ask, and no more often they are read. */
  text(): Promise<string> {
    const askedAtMs = performance.now();
    if (!this.#latest || askedAtMs - this.#latest.askedAtMs >= freshMs) {
      this.#stats = undefined;
      this.#latest = { askedAtMs, text: Registry.merge([processRegister(), this.#register]).metrics() };
    }
    return this.#latest.text;
  }
}

/** A database that is away has alarms of its own: here it costs its line only. */
async function outboxRows(dataSource: DataSource, namespace: string): Promise<number | undefined> {
  if (!dataSource.isInitialized) return undefined;
  try {
    const [row] = await dataSource.query<{ rows: number }[]>(
      'SELECT count(*)::int AS rows FROM ' +
        '(SELECT FROM cache_outbox WHERE namespace = $1 OR namespace IS NULL LIMIT 100000) AS held',
      [namespace],
    );
    return row?.rows;
  } catch {
    return undefined;
  }
}

let ofProcess: Registry | undefined;

/** Event loop, memory and so on are of the process: one for all applications in it, as what measures them never ends. */
function processRegister(): Registry {
  if (!ofProcess) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}
