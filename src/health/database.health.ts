import { Injectable, Logger } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { Environment } from '../config/environment.js';
import { DatabaseConnection } from '../database/database-connection.js';
import { DatabasePing } from '../database/database-ping.js';
import { DependencyWatch } from './dependency-watch.js';

/** How long the service counts as degraded, not as down, while the database is away. */
const toleranceMs = 10_000;

@Injectable()
export class DatabaseHealth {
  readonly #logger = new Logger('Database');
  readonly #watch: DependencyWatch;
  #wasUp = true;

  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly environment: Environment,
    connection: DatabaseConnection,
    ping: DatabasePing,
  ) {
    this.#watch = new DependencyWatch(async () => {
      const isUp = await ping.isAnswering();
      if (connection.isReady) this.#note(isUp);
      return isUp;
    });
  }

  /** Whether it answers now. */
  async present() {
    const { isUp } = await this.#watch.state();
    const check = this.indicators.check('database');
    return isUp ? check.up() : check.down();
  }

  /** Whether it has answered lately: one lost ping, or a restart of ten seconds, takes no traffic away. */
  async lasting() {
    const { isUp, failures, downForMs } = await this.#watch.state();
    const check = this.indicators.check('database');
    if (isUp) return check.up();
    const isTolerable = this.environment.READY_FAIL_OPEN || failures < 2 || downForMs < toleranceMs;
    return isTolerable ? check.degraded() : check.down();
  }

  /** One line for each change, not for each probe. */
  #note(isUp: boolean): void {
    if (isUp === this.#wasUp) return;
    this.#wasUp = isUp;
    if (isUp) this.#logger.log('✅ Database answers again');
    else this.#logger.error('❌ Database does not answer');
  }
}
