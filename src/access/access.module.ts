import { Logger, Module, type NestModule, type OnApplicationBootstrap } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule, DiscoveryService } from '@nestjs/core';
import { AccessGuard } from './access.guard.js';
import { OwnReach } from './own-reach.js';
import { requireRules } from './require-rules.js';
import { RightsService } from './rights.service.js';
import { TokenVerifier } from './token.verifier.js';

/** Guards every route of the application; see `@Access` and `@Public`. */
@Module({
  imports: [DiscoveryModule],
  providers: [RightsService, OwnReach, TokenVerifier, { provide: APP_GUARD, useClass: AccessGuard }],
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
