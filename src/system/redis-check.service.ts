import { randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { CacheService, RedisService, type StoreStep } from '../cache/index.js';
import { Problem } from '../http/problem.js';
import type { LogRecord } from '../telemetry/log-catalogue.js';
import type { RedisTestDto, RedisTestValue } from './redis-test.dto.js';

const keyTtlSeconds = 60;

const stepsOfCache: Readonly<Record<StoreStep, string>> = {
  open: 'look up an entry with its tokens, which takes EVALSHA, EVAL, SET, GET, GETRANGE, PTTL and MGET',
  write: 'keep an entry, which takes SET',
  read: 'find the entry that it keeps, which takes EVALSHA, EVAL, PEXPIRE, PTTL and MGET',
  release: 'take back a lease, which takes EVALSHA, EVAL, GET and DEL',
};

/** Tries Redis out for an operator. */
@Injectable()
export class RedisCheckService {
  readonly #logger = new Logger('Redis');

  constructor(
    private readonly redis: RedisService,
    private readonly cache: CacheService,
  ) {}

  /**
   * Writes, reads back and deletes a value under a key that no other call uses. Then lets the cache store and find an entry,
   * which needs rights of its own.
   *
   * @throws {Problem} `redis_not_configured`; `redis_unavailable` naming the operation that failed, and why
   */
  async run(): Promise<RedisTestDto> {
    if (this.redis.status() === 'not_configured') throw redisNotConfigured();
    this.#logger.log({ event: 'cache.selftest' } satisfies LogRecord);
    const key = `test:redis:connection:${randomUUID()}`;
    const value: RedisTestValue = { timestamp: new Date().toISOString(), test: 'success' };

    const reasons: { set?: string; get?: string; delete?: string } = {};
    const noting = (operation: keyof typeof reasons) => ({
      onFailure: (reason: string) => {
        reasons[operation] = reason;
      },
    });
    if (!(await this.redis.set(key, value, { ttl: keyTtlSeconds, ...noting('set') })))
      throw operationFailed('write a value', reasons.set);
    const found = await this.redis.get(key, noting('get'));
    const isDeleted = await this.redis.delete(key, noting('delete'));
    if (!isSame(found, value)) throw operationFailed('give back the value just written', reasons.get);
    if (!isDeleted) throw operationFailed('delete the value just written', reasons.delete);
    const failure = await this.cache.tryStore();
    if (failure) throw operationFailed(stepsOfCache[failure.step], failure.reason);
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

/** @param reason  a code, if Redis or the connection gave one */
function operationFailed(what: string, reason?: string): Problem {
  const why = reason === undefined ? '' : ` (${reason})`;
  return new Problem(
    'redis_unavailable',
    `Redis did not ${what}${why}. The service works without it meanwhile.`,
  );
}
