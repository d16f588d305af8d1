import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Problem } from '../http/problem.js';
import { RateLimits } from '../rate-limit/rate-limits.js';
import { AccessRules } from './access-rules.js';
import type { Principal } from './principal.js';
import { TokenVerifier, invalidToken, tokenMissing } from './token.verifier.js';

interface IncomingRequest {
  readonly ip: string;
  readonly headers: { readonly authorization?: string | undefined };
  principal?: Principal;
  caller?: string;
}

const everybody: Principal = { sub: 'anonymous', role: 'admin' };

/** The first guard of all: who is calling? */
@Injectable()
export class AuthenticationGuard implements CanActivate {
  constructor(
    private readonly rules: AccessRules,
    private readonly tokens: TokenVerifier,
    private readonly limits: RateLimits,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.rules.of(context).isPublic) return true;
    const request = context.switchToHttp().getRequest<IncomingRequest>();
    if (this.tokens.isOpen) {
      request.principal = everybody;
      return true;
    }
    const { authorization } = request.headers;
    if (authorization === undefined) throw tokenMissing();
    const principal = await this.#verify(authorization, request.ip);
    request.principal = principal;
    request.caller = principal.sub;
    return true;
  }

  async #verify(authorization: string, ip: string): Promise<Principal> {
    try {
      const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
      if (token === undefined) throw invalidToken();
      return await this.tokens.verify(token);
    } catch (error) {
      if (error instanceof Problem && error.code === 'unauthorized') this.limits.failedCredentials(ip);
      throw error;
    }
  }
}
