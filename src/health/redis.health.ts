import { Injectable } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { CacheService, RedisService } from '../cache/index.js';
import { Environment } from '../config/environment.js';
import { DependencyWatch } from './dependency-watch.js';

/** What lasts until somebody does something. A look is at one or two masters of a cluster, and need not meet the one that says so. */
const LASTING = /^(OOM|NOPERM|NOAUTH|WRONGPASS|MISCONF)$/;
/** Codes of the system, of TLS and of Redis; all else is the name of a class. */
const CODE = /^[A-Z][A-Z\d_]+$/;
/** So many in a row are at each of a handful of masters. */
const LOOKS_AT_ALL = 10;

/** Redis is optional: without it answers are slower, not wrong. */
@Injectable()
export class RedisHealth {
  readonly #watch: DependencyWatch;
  #reason: string | undefined;
  /** What some master of a cluster answered that lasts, until so many looks in a row have not met it. */
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

  /** Why it was of no use when somebody asked last, such as `disconnected`, `auth` or `NOPERM`; `undefined` if it was. */
  get reason(): string | undefined {
    return this.#reason;
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

  /** By what the cache itself goes by: a right that it does not need, such as that to PING, says nothing about it. */
  async #whyUseless(): Promise<string | undefined> {
    // Of a cluster one server that is away is enough.
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
