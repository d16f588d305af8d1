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
/** How long a withdrawn key is trusted at most. */
const maxAgeMs = 10 * 60_000;
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
  return async (header, token) => {
    try {
      return await keys(header, token);
    } catch (error) {
      if (isFaultOfToken(error)) throw error;
      if (!(error instanceof Pausing)) {
        failedAtMs = performance.now();
        logger.error(`The keys of AUTH_JWKS_URL cannot be fetched: ${reasonOf(error)}`);
      }
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
