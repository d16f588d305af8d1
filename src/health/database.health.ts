import { Injectable } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { Environment } from '../config/environment.js';
import { DatabaseConnection } from '../database/database-connection.js';
import { DatabaseOutage } from '../database/database-outage.js';
import { DatabasePing } from '../database/database-ping.js';
import { DependencyWatch } from './dependency-watch.js';

/** How long the service counts as degraded, and not as down, when the database is away. */
const toleranceMs = 10_000;

@Injectable()
export class DatabaseHealth {
  readonly #watch: DependencyWatch;

  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly environment: Environment,
    connection: DatabaseConnection,
    ping: DatabasePing,
    outage: DatabaseOutage,
  ) {
    this.#watch = new DependencyWatch(async () => {
      const isUp = await ping.isAnswering();
      if (!isUp && connection.isReady) outage.found(ping.failure ?? 'unknown');
      return isUp;
    });
  }

  /** Whether it answers now. */
  async present() {
    const { isUp } = await this.#watch.state();
    const check = this.indicators.check('database');
    return isUp ? check.up() : check.down();
  }

  /** Whether it has answered lately: a lost ping or a restart of ten seconds should not take traffic away. */
  async lasting() {
    const { isUp, failures, downForMs } = await this.#watch.state();
    const check = this.indicators.check('database');
    if (isUp) return check.up();
    const isTolerable = this.environment.READY_FAIL_OPEN || failures < 2 || downForMs < toleranceMs;
    return isTolerable ? check.degraded() : check.down();
  }
}
