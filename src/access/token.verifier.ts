import { Injectable, Logger } from '@nestjs/common';
import { webcrypto } from 'node:crypto';
import { errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import { Environment } from '../config/environment.js';
import { Problem } from '../http/problem.js';
import { publishedKeys } from './published-keys.js';
import { maxSubLength, principalRoles, type Principal, type PrincipalRole } from './principal.js';
import { RecentTokens } from './recent-tokens.js';

/** Longer tokens are refused unread. Node itself refuses headers of more than 16 KiB. */
const maxTokenBytes = 8 * 1024;
const clockToleranceSeconds = 5;
const hs256 = { name: 'HMAC', hash: 'SHA-256' };

/** Where keys come from decides which algorithms count: a public key must never pass for an HMAC secret. */
interface Keys {
  readonly algorithms: readonly string[];
  readonly find: JWTVerifyGetKey;
}

/** Turns a bearer token into a {@link Principal}. */
@Injectable()
export class TokenVerifier {
  readonly #logger = new Logger('Access');
  readonly #recent = new RecentTokens();
  readonly #keys: Keys | undefined;

  constructor(private readonly environment: Environment) {
    this.#keys = keysOf(environment);
  }

  /** Whether no credentials are configured, so that everybody may do everything. Never in production. */
  get isOpen(): boolean {
    return this.#keys === undefined;
  }

  /**
   * Signature, `iss`, `aud`, `exp`, `nbf`, `sub` and `role` must all be right.
   *
   * @throws {Problem} `unauthorized`, the same for whatever is wrong; `credentials_unverifiable` while the
   *   published keys cannot be fetched
   */
  async verify(token: string): Promise<Principal> {
    if (this.#keys === undefined || Buffer.byteLength(token) > maxTokenBytes) throw invalidToken();
    const known = this.#recent.find(token);
    if (known) return known;
    try {
      const { payload } = await jwtVerify(token, this.#keys.find, {
        algorithms: [...this.#keys.algorithms],
        issuer: this.environment.AUTH_ISSUER,
        audience: this.environment.AUTH_AUDIENCE,
        requiredClaims: ['exp', 'sub', 'role'],
        clockTolerance: clockToleranceSeconds,
      });
      const principal = principalOf(payload);
      this.#recent.add(token, principal, Number(payload.exp) * 1000);
      return principal;
    } catch (error) {
      if (error instanceof Problem) throw error;
      this.#logger.debug(`Token refused: ${error instanceof errors.JOSEError ? error.code : 'unreadable'}`);
      throw invalidToken();
    }
  }
}

function keysOf({ AUTH_JWT_SECRET, AUTH_JWKS_URL, isProduction }: Environment): Keys | undefined {
  if (AUTH_JWKS_URL !== undefined) {
    return { algorithms: ['RS256', 'ES256', 'EdDSA'], find: publishedKeys(new URL(AUTH_JWKS_URL)) };
  }
  if (AUTH_JWT_SECRET !== undefined) {
    // Any other form of a secret the library would import again for each token.
    const secret = webcrypto.subtle.importKey('raw', Buffer.from(AUTH_JWT_SECRET), hs256, false, ['verify']);
    return { algorithms: ['HS256'], find: () => secret };
  }
  if (isProduction)
    throw new Error('Set AUTH_JWKS_URL or AUTH_JWT_SECRET: production never runs with open access.');
  return undefined;
}

function principalOf({ sub, role }: JWTPayload): Principal {
  // The library checks the signature, not the type, of what somebody signed.
  const isName = typeof sub === 'string' && sub !== '' && sub.length <= maxSubLength;
  if (!isName || !isRole(role)) throw invalidToken();
  return { sub, role };
}

function isRole(role: unknown): role is PrincipalRole {
  return principalRoles.some((known) => known === role);
}

/** One answer for every fault of a token: it tells an attacker nothing about which check stopped it. */
export function invalidToken(): Problem {
  return new Problem('unauthorized', 'A valid bearer token is needed.', {
    headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
  });
}

/** RFC 6750, section 3.1: no error code for a request without credentials. */
export function tokenMissing(): Problem {
  return new Problem('unauthorized', 'A valid bearer token is needed.', {
    headers: { 'WWW-Authenticate': 'Bearer' },
  });
}
