import { Logger } from '@nestjs/common';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  SignJWT,
  UnsecuredJWT,
  type CryptoKey,
  type JWTPayload,
} from 'jose';
import { shiftDate } from '../../test/support/shifted-date.js';
import type { Environment } from '../config/environment.js';
import { readEnvironment } from '../config/read-environment.js';
import { Problem } from '../http/problem.js';
import { TokenVerifier } from './token.verifier.js';

const secret = 'a-secret-of-this-test-and-nothing-else';
const issuer = 'https://login.example.org/';
const audience = 'ai-native-backend';
const identity = { AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience };
const now = () => Math.floor(Date.now() / 1000);

const goodClaims = (): JWTPayload => ({
  iss: issuer,
  aud: audience,
  sub: 'TEACH001',
  role: 'teacher',
  exp: now() + 60,
});

function signed(
  claims: JWTPayload,
  header: object = {},
  key: CryptoKey | Uint8Array = bytes(secret),
): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256', ...header }).sign(key);
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function problemOf(promise: Promise<unknown>): Promise<Problem> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Problem) return error;
  throw new Error('expected a Problem');
}

function forged(header: object, key: string): string {
  const content = `${encoded(header)}.${encoded(goodClaims())}`;
  return `${content}.${createHmac('sha256', key).update(content).digest('base64url')}`;
}

beforeAll(() => {
  Logger.overrideLogger(false);
});

afterEach(() => jest.restoreAllMocks());

describe('A18: a token signed with the shared secret', () => {
  const verifier = new TokenVerifier(readEnvironment({ ...identity, AUTH_JWT_SECRET: secret }));

  it('becomes a principal', async () => {
    await expect(verifier.verify(await signed(goodClaims()))).resolves.toEqual({
      sub: 'TEACH001',
      role: 'teacher',
    });
  });

  it('may be a few seconds out of step with our clock', async () => {
    const token = await signed({ ...goodClaims(), exp: now() - 2, nbf: now() + 2 });

    await expect(verifier.verify(token)).resolves.toMatchObject({ sub: 'TEACH001' });
  });

  it('has its signature checked once while it comes again and again, and anew when it has expired meanwhile', async () => {
    const check = jest.spyOn(crypto.subtle, 'verify');
    const token = await signed({ ...goodClaims(), exp: now() + 4 });
    await verifier.verify(token);
    await expect(verifier.verify(token)).resolves.toEqual({ sub: 'TEACH001', role: 'teacher' });
    expect(check).toHaveBeenCalledTimes(1);

    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 8000);
    await verifier.verify(token);
    expect(check).toHaveBeenCalledTimes(2);
  });

  const refused: [string, () => Promise<string> | string][] = [
    ['is no token', () => 'abc'],
    ['is empty', () => ''],
    ['has no signature (alg none)', () => new UnsecuredJWT(goodClaims()).encode()],
    [
      'names the algorithm None in other letters',
      async () => (await signed(goodClaims())).replace(/^[^.]+/, encoded({ alg: 'nOnE' })),
    ],
    ['lost its signature', async () => (await signed(goodClaims())).replace(/[^.]+$/, '')],
    [
      'was changed after signing',
      async () =>
        (await signed(goodClaims())).replace(/\.[^.]+\./, `.${encoded({ ...goodClaims(), role: 'admin' })}.`),
    ],
    ['is signed with another secret', () => signed(goodClaims(), {}, bytes(`${secret}!`))],
    ['is signed with HS512', () => signed(goodClaims(), { alg: 'HS512' })],
    ['comes from another issuer', () => signed({ ...goodClaims(), iss: 'https://evil.example.org/' })],
    ['has no issuer', () => signed(without('iss'))],
    ['is for another audience', () => signed({ ...goodClaims(), aud: 'another-service' })],
    ['has no audience', () => signed(without('aud'))],
    ['is expired', () => signed({ ...goodClaims(), exp: now() - 60 })],
    ['never expires', () => signed(without('exp'))],
    ['is not valid yet', () => signed({ ...goodClaims(), nbf: now() + 60 })],
    ['expires at a text', () => signed({ ...goodClaims(), exp: 'never' as unknown as number })],
    ['has no subject', () => signed(without('sub'))],
    ['has an empty subject', () => signed({ ...goodClaims(), sub: '' })],
    ['has a huge subject', () => signed({ ...goodClaims(), sub: 'S'.repeat(201) })],
    ['has a subject that is no text', () => signed({ ...goodClaims(), sub: 12345 as unknown as string })],
    ['has no role', () => signed(without('role'))],
    ['has an unknown role', () => signed({ ...goodClaims(), role: 'root' })],
    ['has a list of roles', () => signed({ ...goodClaims(), role: ['admin'] })],
    ['has a role of the prototype', () => signed({ ...goodClaims(), role: 'constructor' })],
    ['points with kid at an empty file', () => forged({ alg: 'HS256', kid: '../../../../dev/null' }, '')],
    ['injects a key by SQL in kid', () => forged({ alg: 'HS256', kid: "x' UNION SELECT 'key" }, 'key')],
    ['brings its own key', () => forged({ alg: 'HS256', jwk: { kty: 'oct', k: 'a2V5' } }, 'key')],
    ['demands an unknown extension', () => forged({ alg: 'HS256', crit: ['x'], x: 1 }, secret)],
    ['is 100 kB long', () => signed({ ...goodClaims(), padding: 'x'.repeat(100_000) })],
  ];

  it.each(refused)('is refused when it %s', async (_, token) => {
    const problem = await problemOf(verifier.verify(await token()));

    expect(problem.code).toBe('unauthorized');
    expect(problem.detail).toBe('A valid bearer token is needed.');
    expect(problem.more).toEqual({ headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' } });
  });
});

describe('A18: a token signed by the identity provider', () => {
  let provider: Server;
  let requests = 0;
  /** Of the good one of its two keys. */
  let kid: string;
  /** How the provider answers from now on. Body: its keys */
  let answer: (status: number, body?: string) => void;
  let verifier: TokenVerifier;
  let keys: Awaited<ReturnType<typeof generateKeyPair>>;
  let publicPem: string;
  /** Shorter than any that may sign: the third key */
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 });

  beforeEach(async () => {
    keys = await generateKeyPair('RS256', { extractable: true });
    publicPem = await exportSPKI(keys.publicKey);
    const jwk = await exportJWK(keys.publicKey);
    const jwks = () =>
      JSON.stringify({
        keys: [
          { ...jwk, kid, alg: 'RS256' },
          { kty: 'RSA', kid: 'broken', alg: 'RS256', n: 'AQAB' },
          { ...short.publicKey.export({ format: 'jwk' }), kid: 'short', alg: 'RS256' },
        ],
      });
    kid = 'one';
    let status = 200;
    let body: string | undefined;
    answer = (...next) => ([status, body] = next);
    requests = 0;
    provider = createServer((_, response) => {
      requests += 1;
      response.writeHead(status, { 'content-type': 'application/json' }).end(body ?? jwks());
    }).listen(0, '127.0.0.1');
    await once(provider, 'listening');
    verifier = verifierOf(provider);
  });

  afterEach(() => {
    provider.close();
    provider.closeAllConnections();
  });

  const signedByProvider = (claims = goodClaims(), kid = 'one') =>
    new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid }).sign(keys.privateKey);

  it('becomes a principal, and the keys are fetched once', async () => {
    await expect(verifier.verify(await signedByProvider())).resolves.toEqual({
      sub: 'TEACH001',
      role: 'teacher',
    });
    await verifier.verify(await signedByProvider());

    expect(requests).toBe(1);
  });

  it('is refused when it is an HMAC over the public key', async () => {
    for (const confusion of [publicPem, publicPem.trim()]) {
      const token = await signed(goodClaims(), { alg: 'HS256', kid: 'one' }, bytes(confusion));
      expect((await problemOf(verifier.verify(token))).code).toBe('unauthorized');
    }
  });

  it('is refused when it has no signature', async () => {
    expect((await problemOf(verifier.verify(new UnsecuredJWT(goodClaims()).encode()))).code).toBe(
      'unauthorized',
    );
  });

  it('is refused when its key is unknown, and made-up keys do not flood the provider', async () => {
    for (const kid of ['two', '../one', 'three', 'four']) {
      expect((await problemOf(verifier.verify(await signedByProvider(goodClaims(), kid)))).code).toBe(
        'unauthorized',
      );
    }

    expect(requests).toBe(1);
  });

  it('is refused when its key cannot be used, which is told once and keeps nobody from the others', async () => {
    const errors = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
    for (let call = 0; call < 3; call += 1) {
      const problem = await problemOf(verifier.verify(await signedByProvider(goodClaims(), 'broken')));
      expect(problem.code).toBe('unauthorized');
    }
    expect(errors.mock.calls).toEqual([['A key of AUTH_JWKS_URL cannot be used: broken']]);

    // Nor from keys that are to be fetched anew right then.
    runOn(11 * 60_000);
    const token = await signedByProvider();
    await expect(verifier.verify(token)).resolves.toMatchObject({ sub: 'TEACH001' });
    expect(requests).toBe(2);
  });

  it('is refused when its key is too short, which is told once', async () => {
    const errors = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
    const content = `${encoded({ alg: 'RS256', kid: 'short' })}.${encoded(goodClaims())}`;
    const token = `${content}.${sign('sha256', Buffer.from(content), short.privateKey).toString('base64url')}`;

    for (let call = 0; call < 3; call += 1) {
      expect((await problemOf(verifier.verify(token))).code).toBe('unauthorized');
    }
    expect(errors.mock.calls).toEqual([['A key of AUTH_JWKS_URL cannot be used: short']]);
  });

  it.each([
    ['is accepted when it names no key, whichever of ten it was signed with', 9, 'TEACH001'],
    ['is refused when it names no key, and was signed with none of the first ten', 10, 'unauthorized'],
  ])('%s', async (_, before, outcome) => {
    const other = await exportJWK((await generateKeyPair('RS256')).publicKey);
    const good = await exportJWK(keys.publicKey);
    const published = [...Array.from({ length: before }, (_, n) => ({ ...other, kid: `${n}` })), good];
    answer(200, JSON.stringify({ keys: published }));
    const token = await signed(goodClaims(), { alg: 'RS256' }, keys.privateKey);

    const verified = verifier.verify(token).then(
      ({ sub }) => sub,
      (error: unknown) => (error as Problem).code,
    );

    expect(await verified).toBe(outcome);
    expect(requests).toBe(1);
  });

  it('is refused when it names no key, and was signed with none of them', async () => {
    const forger = await generateKeyPair('RS256');
    const token = await signed(goodClaims(), { alg: 'RS256' }, forger.privateKey);

    expect((await problemOf(verifier.verify(token))).code).toBe('unauthorized');
  });

  it('is accepted when its key was published after the others were fetched', async () => {
    await verifier.verify(await signedByProvider());
    kid = 'two';
    runOn(31_000);

    const token = await signedByProvider(goodClaims(), 'two');
    await expect(verifier.verify(token)).resolves.toMatchObject({ sub: 'TEACH001' });
    expect(requests).toBe(2);
  });

  it.each([
    ['back', -3_600_000],
    ['ahead', 3_600_000],
  ])('is accepted when its key is replaced after the clock was set %s', async (_, aheadMs) => {
    await verifier.verify(await signedByProvider());
    const putRight = shiftDate(aheadMs);
    try {
      kid = 'two';
      runOn(31_000);
      const token = await signedByProvider(goodClaims(), 'two');

      await expect(verifier.verify(token)).resolves.toMatchObject({ sub: 'TEACH001' });
      expect(requests).toBe(2);
    } finally {
      putRight();
    }
  });

  it('is neither accepted nor refused while the keys cannot be had, and callers do not each ask for them', async () => {
    answer(500);
    const token = await signedByProvider();

    for (let call = 0; call < 5; call += 1) {
      const problem = await problemOf(verifier.verify(token));
      expect([problem.code, problem.getStatus()]).toEqual(['credentials_unverifiable', 503]);
      expect(problem.more.headers).toEqual({ 'Retry-After': '1' });
    }
    expect(requests).toBe(1);
  });

  it('leaves one line in the log for an outage, however many callers meet it', async () => {
    const errors = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
    answer(500);
    const token = await signedByProvider();

    await Promise.all(Array.from({ length: 5 }, () => problemOf(verifier.verify(token))));

    expect(errors).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['HTTP 404', 404, undefined],
    ['HTTP 302', 302, undefined],
    ['no JSON', 200, '<html>'],
    ['no key set', 200, '{}'],
  ])('leaves in the log why its keys cannot be had: %s', async (reason, status, body) => {
    const errors = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
    answer(status, body);

    const problem = await problemOf(verifier.verify(await signedByProvider()));

    expect(problem.code).toBe('credentials_unverifiable');
    expect(errors.mock.calls).toEqual([[`The keys of AUTH_JWKS_URL cannot be fetched: ${reason}`]]);
  });

  it('is accepted while the provider is away when its keys were to be renewed, for as long as they are trusted', async () => {
    const token = await signedByProvider();
    await verifier.verify(token);
    const [startedAtMs, runsForMs] = [Date.now(), performance.now()];
    const minutesLater = (minutes: number) => {
      jest.spyOn(Date, 'now').mockReturnValue(startedAtMs + minutes * 60_000);
      jest.spyOn(performance, 'now').mockReturnValue(runsForMs + minutes * 60_000);
    };
    const errors = jest.spyOn(Logger.prototype, 'error').mockReturnValue();

    minutesLater(4);
    await verifier.verify(token);
    expect(requests).toBe(1);

    minutesLater(6);
    answer(500);
    const told = new Promise((settle) => errors.mockImplementation(settle));
    await expect(verifier.verify(token)).resolves.toMatchObject({ sub: 'TEACH001' });
    await told;
    expect(requests).toBe(2);

    minutesLater(9);
    await expect(verifier.verify(token)).resolves.toMatchObject({ sub: 'TEACH001' });
    minutesLater(11);
    expect((await problemOf(verifier.verify(token))).code).toBe('credentials_unverifiable');
  });

  it('answers 503 while the provider refuses connections', async () => {
    const errors = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
    provider.close();
    provider.closeAllConnections();

    expect((await problemOf(verifier.verify(await signedByProvider()))).code).toBe(
      'credentials_unverifiable',
    );
    expect(errors.mock.calls).toEqual([['The keys of AUTH_JWKS_URL cannot be fetched: ECONNREFUSED']]);
  });
});

describe('without credentials configured', () => {
  it('access is open outside production', () => {
    expect(new TokenVerifier(readEnvironment({})).isOpen).toBe(true);
    expect(new TokenVerifier(readEnvironment({ AUTH_JWT_SECRET: secret })).isOpen).toBe(false);
  });

  it('production does not start', () => {
    expect(() => new TokenVerifier(readEnvironment({ NODE_ENV: 'production' }))).toThrow(/AUTH_JWT_SECRET/);
    const unchecked = Object.create(readEnvironment({}), { isProduction: { value: true } }) as Environment;
    expect(() => new TokenVerifier(unchecked)).toThrow(/production never runs with open access/);
  });
});

function without(claim: string): JWTPayload {
  const { [claim]: _, ...rest } = goodClaims();
  return rest;
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** As if the process had run for so much longer. */
function runOn(ms: number): void {
  const runsForMs = performance.now();
  jest.spyOn(performance, 'now').mockReturnValue(runsForMs + ms);
}

function verifierOf(provider: Server): TokenVerifier {
  const { port } = provider.address() as AddressInfo;
  return new TokenVerifier(
    readEnvironment({ ...identity, AUTH_JWKS_URL: `http://127.0.0.1:${port}/jwks.json` }),
  );
}
