import type { RedisService } from '../cache/index.js';
import type { ShareCounts, SharedCount } from './rate-counters.js';

/**
 * Adds to counters, each of which ends with its window. KEYS: counters. ARGV[1]: the window, ms; then for each counter how
 * much is added. Replies with the total and the time left, ms, of each.
 */
const ADD_COUNTS = `
local reply = {}
for index, key in ipairs(KEYS) do
  local total = redis.call('INCRBY', key, ARGV[index + 1])
  local left = redis.call('PTTL', key)
  if left < 0 then
    redis.call('PEXPIRE', key, ARGV[1])
    left = tonumber(ARGV[1])
  end
  reply[#reply + 1] = total
  reply[#reply + 1] = left
end
return reply`;

/** The part in braces keeps all counters on one server of a cluster, since one call must reach them together. */
const PREFIX = 'rate:{clients}:';

/**
 * Keeps the totals of all processes in Redis; `undefined` if none is configured.
 *
 * @param onFailure  called when Redis did not take counts, with a code that says why
 */
export function sharedCounts(
  redis: RedisService,
  onFailure: (reason: string) => void,
): ShareCounts | undefined {
  if (redis.status() === 'not_configured') return undefined;
  return async (counts, windowMs) => {
    if (counts.length === 0) return [];
    const reply = await redis.run(
      ADD_COUNTS,
      counts.map(({ key }) => PREFIX + key),
      [windowMs, ...counts.map(({ count }) => count)].map(String),
      { onFailure },
    );
    return isNumbers(reply) && reply.length === 2 * counts.length ? inPairs(reply) : undefined;
  };
}

function isNumbers(reply: unknown): reply is number[] {
  return Array.isArray(reply) && reply.every((part) => typeof part === 'number');
}

function inPairs(numbers: readonly number[]): SharedCount[] {
  return Array.from({ length: numbers.length / 2 }, (_, index) => ({
    total: numbers[2 * index] ?? 0,
    leftMs: numbers[2 * index + 1] ?? 0,
  }));
}
