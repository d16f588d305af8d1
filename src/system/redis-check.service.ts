import { randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { RedisService } from '../cache/index.js';
import { Problem } from '../http/problem.js';
import type { LogRecord } from '../telemetry/log-catalogue.js';
import type { RedisTestDto, RedisTestValue } from './redis-test.dto.js';

const keyTtlSeconds = 60;

/** Tries Redis out for an operator. */
@Injectable()
export class RedisCheckService {
  readonly #logger = new Logger('Redis');

  constructor(private readonly redis: RedisService) {}

  /**
   * Writes, reads back and deletes a value under a key that no other call uses.
   *
   * @throws {Problem} `redis_not_configured`; `redis_unavailable` naming the operation that failed
   */
  async run(): Promise<RedisTestDto> {
    if (this.redis.status() === 'not_configured') throw redisNotConfigured();
    this.#logger.log({ event: 'cache.selftest' } satisfies LogRecord);
    const key = `test:redis:connection:${randomUUID()}`;
    const value: RedisTestValue = { timestamp: new Date().toISOString(), test: 'success' };

    if (!(await this.redis.set(key, value, { ttl: keyTtlSeconds }))) throw operationFailed('write a value');
    const found = await this.redis.get(key);
    const isDeleted = await this.redis.delete(key);
    if (!isSame(found, value)) throw operationFailed('give back the value just written');
    if (!isDeleted) throw operationFailed('delete the value just written');
    return {
      status: 'success',
      operations: { set: true, get: found, delete: true },
      message: 'Redis is working correctly',
      timestamp: new Date().toISOString(),
    };
  }
}

function isSame(found: unknown, value: RedisTestValue): found is RedisTestValue {
  if (typeof found !== 'object' || found === null) return false;
  const { timestamp, test } = found as Partial<RedisTestValue>;
  return timestamp === value.timestamp && test === value.test;
}

function redisNotConfigured(): Problem {
  return new Problem(
    'redis_not_configured',
    'The cache is in the memory of this process. Set REDIS_URL, for example redis://localhost:6379/0, and restart.',
  );
}

function operationFailed(what: string): Problem {
  return new Problem('redis_unavailable', `Redis did not ${what}. The service works without it meanwhile.`);
}
