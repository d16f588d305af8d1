import { Injectable } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { CacheService } from '../cache/index.js';
import { DependencyWatch } from './dependency-watch.js';

/**
 * Whether invalidations arrive. While they do not, this process still serves: each hit asks Redis first (`backplane`), or
 * answers may lack what others wrote (`outbox`).
 */
@Injectable()
export class InvalidationHealth {
  readonly #watch: DependencyWatch;
  #reason: 'backplane' | 'outbox' | undefined;
  /** How many looks in a row, at least a second apart, found that this process hears of no invalidations. */
  #unheard = 0;

  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly cache: CacheService,
  ) {
    this.#watch = new DependencyWatch(async () => {
      this.#reason = await this.#whyHeldUp();
      return this.#reason === undefined;
    });
  }

  /** Where they were held up at the last look; `undefined` if they were not. */
  get reason(): 'backplane' | 'outbox' | undefined {
    return this.#reason;
  }

  /** Up, or degraded; never down. */
  async present() {
    const { isUp } = await this.#watch.state();
    const check = this.indicators.check('invalidations');
    return isUp ? check.up() : check.degraded();
  }

  async #whyHeldUp(): Promise<'backplane' | 'outbox' | undefined> {
    const areLate = await this.cache.hasLateInvalidations();
    this.#unheard = this.cache.hearsOthers === false ? this.#unheard + 1 : 0;
    // Not at the first look: a process that has just started, or has stood still, hears before the second.
    if (this.#unheard > 1) return 'backplane';
    return areLate ? 'outbox' : undefined;
  }
}
