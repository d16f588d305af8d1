import { Injectable, Logger, ServiceUnavailableException } from '@nestjs/common';
import { HealthCheckService, type HealthCheckResult, type HealthIndicatorFunction } from '@nestjs/terminus';
import { service } from '../config/service.js';
import { DatabaseConnection } from '../database/database-connection.js';
import type { LogRecord } from '../telemetry/log-catalogue.js';
import { DatabaseHealth } from './database.health.js';
import { EventLoopHealth } from './event-loop.health.js';
import type { HealthDto } from './health.dto.js';
import { InvalidationHealth } from './invalidation.health.js';
import { RedisHealth } from './redis.health.js';
import { ShutdownState } from './shutdown-state.js';

type Readiness = 'ok' | 'degraded' | 'starting' | 'unavailable' | 'shutting_down';

@Injectable()
export class HealthService {
  readonly #logger = new Logger('Health');
  /** The last answer to each question; apart, since they tolerate an absent database for different times. */
  readonly #told = { overview: 'healthy', readiness: 'ok' };

  constructor(
    private readonly health: HealthCheckService,
    private readonly connection: DatabaseConnection,
    private readonly database: DatabaseHealth,
    private readonly redis: RedisHealth,
    private readonly invalidations: InvalidationHealth,
    private readonly eventLoop: EventLoopHealth,
    private readonly shutdown: ShutdownState,
  ) {}

  /** How every part is now. */
  async overview(): Promise<HealthDto> {
    const { details } = await this.#check([
      () => this.database.present(),
      () => this.redis.present(),
      () => this.invalidations.present(),
    ]);
    const hasDatabase = details.database?.status === 'up';
    const hasRedis = details.redis?.status === 'up';
    const reason = this.#whyDegraded;
    const status = hasDatabase ? (hasRedis && reason === undefined ? 'healthy' : 'degraded') : 'unhealthy';
    this.#tell('overview', status, reason);
    return {
      status,
      ...(reason === undefined ? {} : { reason }),
      version: service.version,
      architecture: service.architecture,
      checks: {
        database: hasDatabase ? 'ok' : this.connection.isReady ? 'unavailable' : 'starting',
        redis: this.redis.isConfigured ? (hasRedis ? 'ok' : 'unhealthy') : 'not_configured',
      },
    };
  }

  /** Why the cache cannot use Redis, or where invalidations are held up; `undefined` if nothing is wrong with either. */
  async whyDegraded(): Promise<string | undefined> {
    await this.#check([() => this.redis.present(), () => this.invalidations.present()]);
    return this.#whyDegraded;
  }

  /** Whether this process should get traffic. */
  async readiness(): Promise<Readiness> {
    if (this.shutdown.hasBegun) return 'shutting_down';
    if (!this.connection.isReady) return 'starting';
    const { status } = await this.#check([
      () => this.database.lasting(),
      () => this.redis.required(),
      () => this.invalidations.present(),
      () => this.eventLoop.present(),
    ]);
    const readiness = status === 'error' ? 'unavailable' : status;
    this.#tell('readiness', readiness, this.#whyDegraded);
    return readiness;
  }

  /** Whether the start is over; stays true. */
  get hasStarted(): boolean {
    return this.connection.isReady;
  }

  get #whyDegraded(): string | undefined {
    return this.redis.reason ?? this.invalidations.reason;
  }

  #tell(question: 'overview' | 'readiness', status: string, reason: string | undefined): void {
    if (status !== this.#told[question])
      this.#logger.log({ event: 'health.check', status, ...(reason && { reason }) } satisfies LogRecord);
    this.#told[question] = status;
  }

  /** Returns the result also if something is down, when Terminus throws it. */
  async #check(indicators: HealthIndicatorFunction[]): Promise<HealthCheckResult> {
    try {
      return await this.health.check(indicators);
    } catch (error) {
      if (error instanceof ServiceUnavailableException) return error.getResponse() as HealthCheckResult;
      throw error;
    }
  }
}
