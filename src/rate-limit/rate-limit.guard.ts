import { Injectable, type ExecutionContext } from '@nestjs/common';
import { ThrottlerGuard, type ThrottlerLimitDetail } from '@nestjs/throttler';
import { THROTTLER_LIMIT, THROTTLER_SKIP } from '@nestjs/throttler/dist/throttler.constants.js';
import { PerRoute, type RoutePlaces } from '../http/per-route.js';
import { trackerOf, type LimitedRequest, type RateLimits } from './rate-limits.js';

type Handling = 'exempt' | 'common' | 'own';

const ADMITTED = Promise.resolve(true);

/**
 * Refuses requests beyond the allowance of their caller, or of their address where callers need not say who they are. It is
 * one for all routes together: `@SkipThrottle()` exempts a route, `@Throttle()` gives it an allowance of its own.
 */
@Injectable()
export class RateLimitGuard extends ThrottlerGuard {
  readonly #handlings = new PerRoute((places) => this.#handlingOf(places));

  /** The base class would read all metadata and wait five times for each request; a hit of the cache does little else. */
  override canActivate(context: ExecutionContext): Promise<boolean> {
    const handling = this.#handlings.of(context);
    if (handling === 'own') return super.canActivate(context);
    if (handling === 'common') this.#limits.admit(context.switchToHttp().getRequest<LimitedRequest>());
    return ADMITTED;
  }

  protected override getTracker(request: LimitedRequest): Promise<string> {
    return Promise.resolve(trackerOf(request));
  }

  protected override throwThrottlingException(
    context: ExecutionContext,
    { limit, timeToBlockExpire }: ThrottlerLimitDetail,
  ): Promise<void> {
    throw this.#limits.refusal(context.getHandler().name, limit, timeToBlockExpire);
  }

  get #limits(): RateLimits {
    return this.storageService as RateLimits;
  }

  #handlingOf(places: RoutePlaces): Handling {
    const says = (key: string): unknown => this.reflector.getAllAndOverride(`${key}default`, places);
    if (says(THROTTLER_SKIP)) return 'exempt';
    return says(THROTTLER_LIMIT) === undefined ? 'common' : 'own';
  }
}
