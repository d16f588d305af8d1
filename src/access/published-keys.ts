import { Logger } from '@nestjs/common';
import {
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
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

class Pausing extends Error {}

/**
 * Finds keys in the key set that an identity provider publishes (RFC 7517).
 *
 * @throws {Problem} `credentials_unverifiable` while the set is needed and cannot be had
 */
export function publishedKeys(url: URL): JWTVerifyGetKey {
  const logger = new Logger('Access');
  let failedAtMs = -Infinity;
  let isFailing = false;
  /** By the clock that `jose` takes their age by. */
  let renewAtMs = Infinity;
  const fetchUnlessPausing: FetchImplementation = (href, options) => {
    if (performance.now() - failedAtMs < retryPauseMs) return Promise.reject(new Pausing());
    return fetch(href, options);
  };
  const keys = createRemoteJWKSet(url, {
    timeoutDuration: timeoutMs,
    cooldownDuration: cooldownMs,
    cacheMaxAge: maxAgeMs,
    [customFetch]: fetchUnlessPausing,
  });
  const failed = (error: unknown): void => {
    if (error instanceof Pausing) return;
    failedAtMs = performance.now();
    if (!isFailing) logger.error(`The keys of AUTH_JWKS_URL cannot be fetched: ${reasonOf(error)}`);
    isFailing = true;
  };
  const renew = async (): Promise<void> => {
    await keys.reload();
    renewAtMs = Date.now() + renewedAfterMs;
    if (isFailing) logger.log('The keys of AUTH_JWKS_URL are fetched again');
    isFailing = false;
  };
  return async (header, token) => {
    try {
      if (!keys.fresh) await renew();
      else if (Date.now() >= renewAtMs) renew().catch(failed);
      return await keys(header, token);
    } catch (error) {
      if (isFaultOfToken(error)) throw error;
      failed(error);
      throw new Problem(
        'credentials_unverifiable',
        'The keys that tokens are signed with cannot be fetched.',
        {
          headers: { 'Retry-After': '1' },
        },
      );
    }
  };
}

function isFaultOfToken(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  );
}

function reasonOf(error: unknown): string {
  return error instanceof errors.JOSEError ? error.code : 'no connection';
}
