import { SignJWT } from 'jose';
import { CommandRefused } from '../command/run-command.js';
import type { Environment } from '../config/environment.js';
import { maxSubLength, principalRoles } from './principal.js';

/** What somebody asks for, as typed. */
export interface TokenWish {
  readonly role: string;
  readonly sub: string;
  /** Such as `30m`, `8h`, `7d` */
  readonly ttl: string;
}

const secondsOf = { m: 60, h: 3600, d: 86_400 } as const;
const maxTtlSeconds = 30 * 86_400;

/**
 * Signs a token as the service will accept it.
 *
 * @throws {CommandRefused} in production, without a secret, and for a wish that makes no sense
 */
export async function mintToken(environment: Environment, { role, sub, ttl }: TokenWish): Promise<string> {
  const { isProduction, AUTH_JWT_SECRET, AUTH_JWKS_URL, AUTH_ISSUER, AUTH_AUDIENCE } = environment;
  if (isProduction) throw new CommandRefused('Tokens are minted for development only, not in production.');
  if (AUTH_JWKS_URL !== undefined) {
    throw new CommandRefused('AUTH_JWKS_URL is set: tokens come from that identity provider, not from here.');
  }
  if (AUTH_JWT_SECRET === undefined) {
    throw new CommandRefused(
      'AUTH_JWT_SECRET is not set, so access is open and no token is needed.\n' +
        'To try access rights, put a line into the file .env and restart the service:\n' +
        '  AUTH_JWT_SECRET=<the output of: openssl rand -base64 48>',
    );
  }
  if (!principalRoles.some((known) => known === role)) {
    throw new CommandRefused(`--role must be one of ${principalRoles.join(', ')}.`);
  }
  if (sub === '' || sub.length > maxSubLength) {
    throw new CommandRefused(
      `--sub must name the user or the service in at most ${maxSubLength} characters, for example TEACH001.`,
    );
  }

  return new SignJWT({ role })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(sub)
    .setIssuer(AUTH_ISSUER)
    .setAudience(AUTH_AUDIENCE)
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + ttlSeconds(ttl))
    .sign(new TextEncoder().encode(AUTH_JWT_SECRET));
}

function ttlSeconds(ttl: string): number {
  const [, amount, unit] = /^(\d{1,6})([mhd])$/.exec(ttl) ?? [];
  const seconds = Number(amount) * secondsOf[unit as keyof typeof secondsOf];
  if (!(seconds > 0 && seconds <= maxTtlSeconds)) {
    throw new CommandRefused('--ttl must be a time such as 30m, 8h or 7d, 30 days at most.');
  }
  return seconds;
}
