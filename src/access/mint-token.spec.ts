import { CommandRefused } from '../command/run-command.js';
import { readEnvironment } from '../config/read-environment.js';
import { mintToken } from './mint-token.js';
import { TokenVerifier } from './token.verifier.js';

const AUTH_JWT_SECRET = 'a-secret-of-this-test-and-nothing-else';
const wish = { role: 'teacher', sub: 'TEACH001', ttl: '8h' };

describe('a minted token', () => {
  it('is one that the service accepts', async () => {
    const environment = readEnvironment({ AUTH_JWT_SECRET });

    const token = await mintToken(environment, wish);

    await expect(new TokenVerifier(environment).verify(token)).resolves.toEqual({
      sub: 'TEACH001',
      role: 'teacher',
    });
  });

  it.each([
    ['30m', 1800],
    ['8h', 28_800],
    ['7d', 604_800],
  ])('with --ttl %s is valid for %d seconds', async (ttl, seconds) => {
    const token = await mintToken(readEnvironment({ AUTH_JWT_SECRET }), { ...wish, ttl });

    const { iat, exp } = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<
      string,
      number
    >;
    expect(Math.abs(exp! - iat! - seconds)).toBeLessThanOrEqual(1);
  });

  it.each([
    [
      'in production',
      { AUTH_JWT_SECRET, NODE_ENV: 'production', DATABASE_URL: 'postgres://h/x' },
      wish,
      /not in production/,
    ],
    ['without a secret', {}, wish, /AUTH_JWT_SECRET is not set/],
    ['for an unknown role', { AUTH_JWT_SECRET }, { ...wish, role: 'root' }, /--role must be one of/],
    ['for nobody', { AUTH_JWT_SECRET }, { ...wish, sub: '' }, /--sub must name/],
    [
      'for a longer name than the service takes',
      { AUTH_JWT_SECRET },
      { ...wish, sub: 'S'.repeat(201) },
      /--sub must name/,
    ],
    ['for no time', { AUTH_JWT_SECRET }, { ...wish, ttl: '0h' }, /--ttl must be/],
    ['for ever', { AUTH_JWT_SECRET }, { ...wish, ttl: '365d' }, /--ttl must be/],
    ['for a time without unit', { AUTH_JWT_SECRET }, { ...wish, ttl: '8' }, /--ttl must be/],
    [
      'with keys of an identity provider',
      { AUTH_JWKS_URL: 'https://login.example.org/jwks', AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' },
      wish,
      /identity provider/,
    ],
  ])('is refused %s, in a line that says why', async (_, variables, asked, line) => {
    const refusal = mintToken(readEnvironment(variables), asked);

    await expect(refusal).rejects.toThrow(CommandRefused);
    await expect(refusal).rejects.toThrow(line);
  });
});
