import { GatewayTimeoutException, HttpException, ServiceUnavailableException } from '@nestjs/common';
import { CacheError } from '../engine/cache-errors.js';
import type { Reply } from './reply.js';

/** How long a caller should stay away who found the queue full: a load or two later there is room. */
const RETRY_AFTER_S = '1';

/** What the application's filters are to answer in place of a failure of the cache: 504 or 503. All else stays as it is. */
export function httpFailure(error: unknown, reply: Reply): unknown {
  if (!(error instanceof CacheError)) return error;
  switch (error.statusCode) {
    case 504:
      return new GatewayTimeoutException(undefined, { cause: error });
    case 503:
      reply.setHeader('retry-after', RETRY_AFTER_S);
      return new ServiceUnavailableException(undefined, { cause: error });
    default:
      return error;
  }
}

/** Whether what was thrown says what the caller did wrong, and so is an answer and no failure. */
export function isClientError(error: unknown): boolean {
  return error instanceof HttpException && error.getStatus() < 500;
}
