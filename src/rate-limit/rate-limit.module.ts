import { Module } from '@nestjs/common';
import { ThrottlerModule, type ThrottlerModuleOptions } from '@nestjs/throttler';
import { Environment } from '../config/environment.js';
import { RateLimits } from './rate-limits.js';

@Module({ providers: [RateLimits], exports: [RateLimits] })
class RateLimitsModule {}

/** Limits how much a client may ask for, by a {@link RateLimitGuard} on every route. */
@Module({
  imports: [
    RateLimitsModule,
    ThrottlerModule.forRootAsync({
      imports: [RateLimitsModule],
      inject: [Environment, RateLimits],
      useFactory: throttling,
    }),
  ],
  exports: [RateLimitsModule, ThrottlerModule],
})
export class RateLimitModule {}

function throttling(environment: Environment, storage: RateLimits): ThrottlerModuleOptions {
  return {
    throttlers: [{ ttl: environment.RATE_LIMIT_WINDOW * 1000, limit: environment.RATE_LIMIT_CALLER }],
    storage,
    setHeaders: false,
    skipIf: () => !environment.RATE_LIMIT_ENABLED,
  };
}
