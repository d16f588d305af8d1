import { Injectable, type ExecutionContext } from '@nestjs/common';
import { ThrottlerGuard, type ThrottlerLimitDetail } from '@nestjs/throttler';
import { THROTTLER_LIMIT, THROTTLER_SKIP } from '@nestjs/throttler/dist/throttler.constants.js';
import { PerRoute, type RoutePlaces } from '../http/per-route.js';
import { trackerOf, type LimitedRequest, type RateLimits } from './rate-limits.js';

type Handling = 'exempt' | 'common' | 'own';

const ADMITTED = Promise.resolve(true);

/**
 * Refuses what is beyond the allowance of a caller, or of an address where nobody has to say who calls: one for all routes
 * together. `@SkipThrottle()` exempts a route, `@Throttle()` gives it an allowance of its own.
 */
@Injectable()
export class RateLimitGuard extends ThrottlerGuard {
  readonly #handlings = new PerRoute((places) => this.#handlingOf(places));

  /** The base would read all metadata and wait five times for each request; a hit of the cache has little else to do. */
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
