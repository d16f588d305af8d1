import { Logger, Module, type NestModule, type OnApplicationBootstrap } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule, DiscoveryService } from '@nestjs/core';
import { RateLimitGuard } from '../rate-limit/rate-limit.guard.js';
import { RateLimitModule } from '../rate-limit/rate-limit.module.js';
import { AccessGuard } from './access.guard.js';
import { AccessRules } from './access-rules.js';
import { AuthenticationGuard } from './authentication.guard.js';
import { OwnershipCheck } from './ownership-check.js';
import { requireRules } from './require-rules.js';
import { RightsService } from './rights.service.js';
import { TokenVerifier } from './token.verifier.js';

/** Guards every route of the application; see `@Access` and `@Public`. */
@Module({
  imports: [DiscoveryModule, RateLimitModule],
  providers: [
    AccessRules,
    RightsService,
    OwnershipCheck,
    TokenVerifier,
    // In this order: whom a refusal is counted for must be known, and what is refused must not cost a look at rights.
    { provide: APP_GUARD, useClass: AuthenticationGuard },
    { provide: APP_GUARD, useClass: RateLimitGuard },
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  exports: [TokenVerifier],
})
export class AccessModule implements NestModule, OnApplicationBootstrap {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly tokens: TokenVerifier,
  ) {}

  configure(): void {
    requireRules(this.discovery.getControllers());
  }

  onApplicationBootstrap(): void {
    if (!this.tokens.isOpen) return;
    new Logger('Access').warn(
      'Access is open: no AUTH_JWT_SECRET or AUTH_JWKS_URL is set, so every caller is an administrator',
    );
  }
}
