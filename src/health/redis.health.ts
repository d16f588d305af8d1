import { Injectable } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { CacheService, RedisService } from '../cache/index.js';
import { Environment } from '../config/environment.js';
import { DependencyWatch } from './dependency-watch.js';

/**
 * Reasons that last until a person does something. On a cluster a look asks one or two masters, and may miss the one with such
 * a reason.
 */
const LASTING = /^(OOM|NOPERM|NOAUTH|WRONGPASS|MISCONF|NOREPLICAS)$/;
/** Codes of the system, of TLS and of Redis; other reasons are names of classes. */
const CODE = /^[A-Z][A-Z\d_]+$/;
/** After so many looks in a row each of a handful of masters was asked. */
const LOOKS_AT_ALL = 10;

/** Redis is optional: without it answers are slower, not wrong. */
@Injectable()
export class RedisHealth {
  readonly #watch: DependencyWatch;
  #reason: string | undefined;
  /** The lasting reason of some master of a cluster, until {@link LOOKS_AT_ALL} looks in a row have not met one. */
  #lasting: string | undefined;
  #looksSince = 0;

  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly redis: RedisService,
    private readonly cache: CacheService,
    private readonly environment: Environment,
  ) {
    this.#watch = new DependencyWatch(async () => {
      this.#reason = await this.#whyUseless();
      return this.#reason === undefined;
    });
  }

  get isConfigured(): boolean {
    return this.redis.status() !== 'not_configured';
  }

  /** Why it was of no use at the last look, such as `disconnected`, `auth` or `NOPERM`; `undefined` if it was of use. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Up, or degraded; never down. */
  async present() {
    const check = this.indicators.check('redis');
    if (!this.isConfigured || (await this.#watch.state()).isUp) return check.up();
    return check.degraded();
  }

  /** As {@link present}, but down if CACHE_REQUIRED says that the service is of no use without Redis. */
  async required() {
    const result = await this.present();
    if (result.redis.status === 'up' || !this.environment.CACHE_REQUIRED) return result;
    return this.indicators.check('redis').down();
  }

  /** Tries what the cache itself does: a right that it does not need, such as that to PING, does not matter. */
  async #whyUseless(): Promise<string | undefined> {
    // On a cluster one server that is away is enough.
    if (this.redis.status() !== 'connected' || this.redis.breaker === 'open') {
      return this.redis.isRefused ? 'auth' : worded(this.redis.whyAway);
    }
    const reason = (await this.cache.tryStore())?.reason;
    return this.redis.topology === 'cluster' ? this.#ofAllMasters(reason) : reason;
  }

  #ofAllMasters(reason: string | undefined): string | undefined {
    if (reason !== undefined && LASTING.test(reason)) {
      this.#lasting = reason;
      this.#looksSince = 0;
    } else if (++this.#looksSince >= LOOKS_AT_ALL) this.#lasting = undefined;
    return reason ?? this.#lasting;
  }
}

function worded(whyAway = 'disconnected'): string {
  if (CODE.test(whyAway)) return whyAway;
  return /timeout/i.test(whyAway) ? 'timeout' : 'disconnected';
}
