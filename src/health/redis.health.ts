import { Injectable } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { RedisService } from '../cache/index.js';
import { Environment } from '../config/environment.js';
import { DependencyWatch } from './dependency-watch.js';

/** Redis is optional: without it answers are slower, not wrong. */
@Injectable()
export class RedisHealth {
  readonly #watch: DependencyWatch;

  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly redis: RedisService,
    private readonly environment: Environment,
  ) {
    this.#watch = new DependencyWatch(() => redis.ping());
  }

  get isConfigured(): boolean {
    return this.redis.status() !== 'not_configured';
  }

  /** Up, or degraded; never down. */
  async present() {
    const check = this.indicators.check('redis');
    if (!this.isConfigured || (await this.#watch.state()).isUp) return check.up();
    return check.degraded();
  }

  /** As {@link present}, but down where CACHE_REQUIRED says that the service is no use without it. */
  async required() {
    const result = await this.present();
    if (result.redis.status === 'up' || !this.environment.CACHE_REQUIRED) return result;
    return this.indicators.check('redis').down();
  }
}
