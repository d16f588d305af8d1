import { inspect } from 'node:util';
import type { CacheModuleOptions } from './cache.options.js';
import { resolvePolicy } from './decorators/entry-options.js';
import type { BulkheadOptions } from './engine/bulkhead.js';
import { CacheError } from './engine/cache-errors.js';
import { systemClock, type Clock } from './engine/clock.js';
import type { EntryPolicy } from './engine/entry-policy.js';
import { untraced, type Tracer } from './engine/tracer.js';
import type { RedisOptions, ResolvedRedisOptions } from './redis/connect-redis.js';
import { redisTarget } from './redis/redis-address.js';

/** {@link CacheModuleOptions} as the parts of a cache read them: complete and checked, so that none has defaults. */
export interface ResolvedOptions extends Readonly<
  Pick<
    CacheModuleOptions,
    'principal' | 'tenant' | 'principalDecorators' | 'shapeOf' | 'onEvent' | 'store' | 'backplane'
  >
> {
  readonly enabled: boolean;
  readonly redis: ResolvedRedisOptions | undefined;
  readonly namespace: string;
  readonly maxBytes: number;
  readonly jitter: number;
  readonly auditRate: number;
  readonly bulkhead: Required<BulkheadOptions>;
  readonly compress: boolean;
  /** How entries are kept of which their methods do not say it themselves. */
  readonly policy: EntryPolicy;
  /** Absent where it would be of no use, too. */
  readonly outbox: CacheModuleOptions['outbox'];
  readonly tracer: Tracer;
  readonly clock: Clock;
  /** What one request may wait for the store, ms. */
  readonly requestBudgetMs: number;
}

const COMMAND_TIMEOUT_MS = 50;
/** Nobody waits longer for anything; and a timer of Node's has a bound beyond which it ends at once. */
const MAX_WAIT_MS = 600_000;

/** @throws {CacheError} `CACHE_INVALID_OPTIONS`, `CACHE_INVALID_TTL`, naming what is wrong first, and what is allowed */
export function resolveOptions(options: CacheModuleOptions): ResolvedOptions {
  const { store, outbox, tracer = untraced, clock = systemClock } = options;
  const enabled = flag('enabled', options.enabled, true);
  const redis = options.redis && resolveRedisOptions(options.redis);
  const maxBytes = whole('maxBytes', options.maxBytes, 64 * 1024 * 1024, 0, Number.MAX_SAFE_INTEGER);
  if (redis && store) throw invalid('either redis or a store of your own, not both');
  const isShared = redis !== undefined || store !== undefined;
  if (enabled && maxBytes === 0 && !isShared) {
    throw invalid(
      'maxBytes is 0, which leaves entries to Redis alone; give redis, or enabled: false to keep nothing',
    );
  }
  return {
    ...options,
    enabled,
    redis,
    namespace: namespaceOf(options.namespace),
    maxBytes,
    jitter: part('jitter', options.jitter, 0.1, 'a TTL'),
    auditRate: part('auditRate', options.auditRate, 0.001, 'the hits'),
    bulkhead: {
      concurrency: whole('bulkhead.concurrency', options.bulkhead?.concurrency, 32, 1, 1_000_000),
      queue: whole('bulkhead.queue', options.bulkhead?.queue, 1000, 0, 1_000_000),
      waitMs: milliseconds('bulkhead.waitMs', options.bulkhead?.waitMs, 2000, 0),
    },
    compress: flag('compress', options.compress, true),
    policy: resolvePolicy(options, {}),
    outbox: enabled && isShared ? outbox : undefined,
    tracer,
    clock,
    requestBudgetMs: redis?.commandTimeoutMs ?? COMMAND_TIMEOUT_MS,
  };
}

/** @throws {CacheError} `CACHE_INVALID_OPTIONS` */
export function resolveRedisOptions(redis: RedisOptions): ResolvedRedisOptions {
  const ms = (name: 'socketTimeoutMs' | 'connectTimeoutMs' | 'commandTimeoutMs', otherwise: number) =>
    milliseconds(`redis.${name}`, redis[name], otherwise, 1);
  return {
    target: redisTarget(redis),
    maxConnections: whole('redis.maxConnections', redis.maxConnections, 50, 1, 10_000),
    pool: flag('redis.pool', redis.pool, false),
    socketTimeoutMs: ms('socketTimeoutMs', 5000),
    connectTimeoutMs: ms('connectTimeoutMs', 5000),
    retryOnTimeout: flag('redis.retryOnTimeout', redis.retryOnTimeout, true),
    commandTimeoutMs: ms('commandTimeoutMs', COMMAND_TIMEOUT_MS),
  };
}

function namespaceOf(namespace = ''): string {
  return allowed(
    'namespace',
    namespace,
    typeof namespace === 'string' && /^[\w.:-]*$/.test(namespace),
    'a text of letters, digits and . : - _',
  );
}

function whole(
  option: string,
  given: number | undefined,
  otherwise: number,
  min: number,
  max: number,
): number {
  const value = given ?? otherwise;
  const isAllowed = Number.isInteger(value) && value >= min && value <= max;
  return allowed(option, value, isAllowed, `a whole number, ${min} to ${max.toLocaleString('en')}`);
}

function milliseconds(option: string, given: number | undefined, otherwise: number, min: number): number {
  const value = given ?? otherwise;
  const isAllowed = typeof value === 'number' && value >= min && value <= MAX_WAIT_MS;
  return allowed(option, value, isAllowed, `a number of ms, ${min} to ${MAX_WAIT_MS.toLocaleString('en')}`);
}

function part(option: string, given: number | undefined, otherwise: number, whole: string): number {
  const value = given ?? otherwise;
  return allowed(
    option,
    value,
    typeof value === 'number' && value >= 0 && value <= 1,
    `a part of ${whole}, 0 to 1`,
  );
}

/** The text `'false'` of a variable would otherwise be true. */
function flag(option: string, given: boolean | undefined, otherwise: boolean): boolean {
  const value = given ?? otherwise;
  return allowed(option, value, typeof value === 'boolean', 'true or false');
}

function allowed<T>(option: string, value: T, isAllowed: boolean, what: string): T {
  if (isAllowed) return value;
  throw invalid(`${option} must be ${what}, not ${inspect(value, { depth: 0 })}`);
}

function invalid(message: string): CacheError {
  return new CacheError('CACHE_INVALID_OPTIONS', `CacheModule: ${message}.`);
}
