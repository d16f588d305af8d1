import { isIP } from 'node:net';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { normalizeIp, type ThrottlerStorage } from '@nestjs/throttler';
import { News, RedisService } from '../cache/index.js';
import { Environment } from '../config/environment.js';
import { Problem } from '../http/problem.js';
import type { LogRecord } from '../telemetry/log-catalogue.js';
import { RateCounters } from './rate-counters.js';
import { sharedCounts } from './shared-counts.js';

/** What is known of a request after its credentials were checked. */
export interface LimitedRequest {
  readonly ip: string;
  /** Who calls; absent if callers need not say. */
  readonly caller?: string;
}

type ThrottlerRecord = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/**
 * The allowances of clients, shared by all processes through Redis. Without Redis each process counts for itself.
 */
@Injectable()
export class RateLimits implements ThrottlerStorage, OnApplicationShutdown {
  readonly #logger = new Logger('RateLimits');
  readonly #news = new News();
  readonly #counters: RateCounters;

  constructor(
    private readonly environment: Environment,
    redis: RedisService,
  ) {
    // Redis takes only whole milliseconds, and 16.1 * 1000 is no whole number.
    const windowMs = Math.round(environment.RATE_LIMIT_WINDOW * 1000);
    const share = sharedCounts(redis, (reason) => {
      this.#tellAlone(reason);
    });
    this.#counters = new RateCounters({ windowMs, share });
  }

  /**
   * Counts a request.
   *
   * @throws {Problem} `too_many_requests`
   */
  admit(request: LimitedRequest): void {
    const { RATE_LIMIT_ENABLED: isOn, RATE_LIMIT_CALLER, RATE_LIMIT_ADDRESS } = this.environment;
    if (!isOn) return;
    const [policy, limit] =
      request.caller === undefined ? ['address', RATE_LIMIT_ADDRESS] : ['caller', RATE_LIMIT_CALLER];
    const leftMs = this.#counters.take(trackerOf(request), limit);
    if (leftMs > 0) throw this.refusal(policy, limit, wholeSeconds(leftMs));
  }

  /**
   * Refuses an address that has sent too many wrong credentials. That limits guessing, not calls: a correct token is never
   * refused here, since there may be a whole school behind one address.
   *
   * @throws {Problem} `too_many_requests`
   */
  failedCredentials(ip: string): void {
    const { RATE_LIMIT_ENABLED: isOn, RATE_LIMIT_FAILED_CREDENTIALS: limit } = this.environment;
    if (!isOn) return;
    const leftMs = this.#counters.take(`failed:${addressOf(ip)}`, limit);
    if (leftMs > 0) throw this.refusal('failed-credentials', limit, wholeSeconds(leftMs));
  }

  /** Called by `@nestjs/throttler` for routes with an allowance of their own; the window is the same for all. */
  increment(key: string, _ttl: number, limit: number): Promise<ThrottlerRecord> {
    const leftMs = this.#counters.take(key, limit);
    const isBlocked = leftMs > 0;
    const timeToExpire = wholeSeconds(leftMs);
    const totalHits = isBlocked ? limit + 1 : 0;
    return Promise.resolve({ totalHits, timeToExpire, isBlocked, timeToBlockExpire: timeToExpire });
  }

  /** @see draft-ietf-httpapi-ratelimit-headers for the two fields */
  refusal(policy: string, limit: number, seconds: number): Problem {
    const windowS = this.environment.RATE_LIMIT_WINDOW;
    return new Problem('too_many_requests', `No more than ${limit} in ${windowS} s; wait ${seconds} s.`, {
      headers: {
        'retry-after': String(seconds),
        'ratelimit-policy': `"${policy}";q=${limit};w=${Math.ceil(windowS)}`,
        ratelimit: `"${policy}";r=0;t=${seconds}`,
      },
    });
  }

  onApplicationShutdown(): void {
    this.#counters.close();
  }

  /** Logs that this process counts alone: else nobody would know that clients have an allowance in each process. */
  #tellAlone(reason: string): void {
    if (!this.#news.isNew(reason)) return;
    this.#logger.warn({ event: 'rate_limit.alone', reason, request_id: undefined } satisfies LogRecord);
  }
}

/** The name of the client in counters. */
export function trackerOf({ ip, caller }: LimitedRequest): string {
  return caller === undefined ? `address:${addressOf(ip)}` : `caller:${caller}`;
}

/** One for a whole IPv6 network. Without the port, which some proxies name, and which differs for each connection. */
function addressOf(ip: string): string {
  const [, bare = ip] = isIP(ip) === 0 ? (/^\[?([^\]]*?)\]?(?::\d+)?$/.exec(ip) ?? []) : [];
  return normalizeIp(isIP(bare) === 0 ? ip : bare);
}

function wholeSeconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
