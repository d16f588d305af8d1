import { Injectable, Logger } from '@nestjs/common';
import { RedisService } from '../cache/index.js';
import { Environment } from '../config/environment.js';
import { service } from '../config/service.js';
import { DatabasePing } from '../database/database-ping.js';
import { HealthService } from '../health/health.service.js';
import type { LogRecord } from '../telemetry/log-catalogue.js';
import type { DatabaseHealth, DetailedHealthDto, LlmHealth, RedisHealth } from './detailed-health.dto.js';
import { hitRate } from './hit-rate.js';

/** Asks every part for its health, all at once; each has its own deadline. */
@Injectable()
export class DetailedHealthService {
  readonly #logger = new Logger('Health');

  constructor(
    private readonly database: DatabasePing,
    private readonly redis: RedisService,
    private readonly health: HealthService,
    private readonly environment: Environment,
  ) {}

  async report(): Promise<DetailedHealthDto> {
    const [database, redis, reason] = await Promise.all([
      this.#databaseHealth(),
      this.#redisHealth(),
      this.health.whyDegraded(),
    ]);
    const status = overall(database, redis, reason);
    this.#logger.log({ event: 'health.check', status, ...(reason && { reason }) } satisfies LogRecord);
    return {
      status,
      ...(reason === undefined ? {} : { reason }),
      timestamp: new Date().toISOString(),
      app_name: service.name,
      version: service.version,
      debug_mode: this.environment.DEBUG,
      components: { database, redis, llm: this.#llmHealth() },
    };
  }

  async #databaseHealth(): Promise<DatabaseHealth> {
    const isAnswering = await this.database.isAnswering();
    return { status: isAnswering ? 'healthy' : 'unhealthy', type: 'PostgreSQL' };
  }

  async #redisHealth(): Promise<RedisHealth> {
    const url = this.redis.maskedUrl ?? null;
    const unknown = { url, connected_clients: null, used_memory: null, hit_rate: null };
    if (this.redis.status() === 'not_configured') return { status: 'not_configured', ...unknown };
    const stats = await this.redis.stats();
    if (stats === undefined) return { status: 'unhealthy', ...unknown };
    return {
      status: 'healthy',
      url,
      connected_clients: stats.connectedClients,
      used_memory: stats.usedMemoryHuman,
      hit_rate: hitRate(stats.keyspaceHits, stats.keyspaceMisses),
    };
  }

  #llmHealth(): LlmHealth {
    const provider = this.environment.LLM_PROVIDER ?? null;
    return { status: provider === null ? 'not_configured' : 'configured', provider };
  }
}

function overall(
  database: DatabaseHealth,
  redis: RedisHealth,
  reason: string | undefined,
): DetailedHealthDto['status'] {
  if (database.status === 'unhealthy') return 'unhealthy';
  return redis.status === 'unhealthy' || reason !== undefined ? 'degraded' : 'healthy';
}
