import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { CacheService, RedisService } from '../cache/index.js';
import { cacheMetrics } from './cache-metrics.js';
import { show } from './shown-metric.js';

/** Everything that this service measures of itself, for Prometheus. */
@Injectable()
export class Metrics {
  readonly #register = new Registry();

  constructor(cache: CacheService, redis: RedisService) {
    const metrics = cacheMetrics(
      () => cache.stats(),
      () => redis.status(),
    );
    for (const metric of metrics) show(this.#register, metric);
  }

  get contentType(): string {
    return this.#register.contentType;
  }

  /** The present values, in Prometheus's text format. */
  text(): Promise<string> {
    return Registry.merge([processRegister(), this.#register]).metrics();
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
