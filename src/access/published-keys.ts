import { Logger } from '@nestjs/common';
import {
  createRemoteJWKSet,
  customFetch,
  errors,
  flattenedVerify,
  type CryptoKey,
  type FetchImplementation,
  type FlattenedJWSInput,
  type JWTVerifyGetKey,
} from 'jose';
import { Problem } from '../http/problem.js';

const timeoutMs = 3000;
/** How soon an unknown `kid` may ask for the keys again: made-up ones must not become a flood of requests. */
const cooldownMs = 30_000;
/** How long a withdrawn key is trusted at most; a token that it has just been checked with counts for 10 s more. */
const maxAgeMs = 10 * 60_000;
/** Age from which they are fetched behind the callers, so that a provider that is away then has as long to come back. */
const renewedAfterMs = maxAgeMs / 2;
/** How long after a failed fetch no other is tried, so that callers do not each wait for a dead server. */
const retryPauseMs = 1000;

/** Of the keys that a token without a name of one may have been signed with, so many are tried. */
const mostTried = 10;

/** Shorter keys of RSA the library refuses as well, but only once it checks a signature, where nobody is told. */
const minRsaBits = 2048;

class Pausing extends Error {}

/** The provider answered, and not with the keys. */
class NotGiven extends Error {
  constructor(readonly status: number) {
    super(`The provider answered ${status}`);
  }
}

/**
 * Finds keys in the key set that an identity provider publishes (RFC 7517).
 *
 * @throws {Problem} `credentials_unverifiable` while the set is needed and cannot be had
 * @throws {Error} for a token that was signed with no key of the set, or names one that cannot be used
 */
export function publishedKeys(url: URL): JWTVerifyGetKey {
  const logger = new Logger('Access');
  let fetchedAtMs = -Infinity;
  let failedAtMs = -Infinity;
  let isFailing = false;
  /** Names of keys that the log has been told of since the set was fetched. */
  const unusable = new Set<string>();
  const fetchUnlessPausing: FetchImplementation = async (href, options) => {
    if (performance.now() - failedAtMs < retryPauseMs) throw new Pausing();
    const response = await fetch(href, options);
    if (response.status !== 200) throw new NotGiven(response.status);
    return response;
  };
  // It never fetches by itself: what fails in a look-up is then a key, and no fetch.
  const keys = createRemoteJWKSet(url, {
    timeoutDuration: timeoutMs,
    cooldownDuration: Infinity,
    cacheMaxAge: Infinity,
    [customFetch]: fetchUnlessPausing,
  });
  const isOlderThan = (ageMs: number): boolean => performance.now() >= fetchedAtMs + ageMs;
  const renew = async (): Promise<void> => {
    try {
      await keys.reload();
    } catch (error) {
      if (!(error instanceof Pausing)) {
        failedAtMs = performance.now();
        if (!isFailing) logger.error(`The keys of AUTH_JWKS_URL cannot be fetched: ${reasonOf(error)}`);
        isFailing = true;
      }
      throw new Problem(
        'credentials_unverifiable',
        'The keys that tokens are signed with cannot be fetched.',
        { headers: { 'Retry-After': '1' } },
      );
    }
    fetchedAtMs = performance.now();
    unusable.clear();
    if (isFailing) logger.log('The keys of AUTH_JWKS_URL are fetched again');
    isFailing = false;
  };
  const find: JWTVerifyGetKey = async (header, token) => {
    try {
      const key = await keys(header, token).catch((error: unknown) => keyThatFits(error, token));
      const { modulusLength = Infinity } = key.algorithm as { modulusLength?: number };
      if (modulusLength < minRsaBits) throw new Error(`The key has ${modulusLength} bits`);
      return key;
    } catch (error) {
      const name = header.kid ?? '(without kid)';
      if (!isFaultOfToken(error) && !unusable.has(name)) {
        unusable.add(name);
        logger.error(`A key of AUTH_JWKS_URL cannot be used: ${name}`);
      }
      throw error;
    }
  };
  return async (header, token) => {
    if (isOlderThan(maxAgeMs)) await renew();
    else if (isOlderThan(renewedAfterMs)) renew().catch(() => undefined);
    try {
      return await find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !isOlderThan(cooldownMs)) throw error;
    }
    await renew();
    return find(header, token);
  };
}

/**
 * A token need not name its key (RFC 7515 section 4.1.4). Where several come into question, it is the one that the signature was
 * made with.
 *
 * @param error  why there is no single one
 */
async function keyThatFits(error: unknown, token: FlattenedJWSInput): Promise<CryptoKey> {
  if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
  let tried = 0;
  for await (const key of error) {
    if (tried++ === mostTried) break;
    const fits = await flattenedVerify(token, key).then(
      () => true,
      () => false,
    );
    if (fits) return key;
  }
  throw new errors.JWKSNoMatchingKey();
}

function isFaultOfToken(error: unknown): boolean {
  return error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JOSENotSupported;
}

/** A word that tells what to mend. Never a text, which may name hosts. */
function reasonOf(error: unknown): string {
  if (error instanceof NotGiven) return `HTTP ${error.status}`;
  if (error instanceof errors.JWKSTimeout) return 'timeout';
  if (error instanceof errors.JWKSInvalid) return 'no key set';
  if (error instanceof errors.JOSEError) return 'no JSON';
  const { cause } = error as { cause?: { code?: unknown } };
  return typeof cause?.code === 'string' ? cause.code : 'no connection';
}
