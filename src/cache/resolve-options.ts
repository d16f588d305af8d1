import { inspect } from 'node:util';
import type { CacheModuleOptions } from './cache.options.js';
import { modulePolicy } from './definition/entry-options.js';
import { checkNames, type OptionNames } from './definition/option-names.js';
import type { BulkheadOptions } from './engine/bulkhead.js';
import { invalidOptions } from './engine/cache-errors.js';
import { systemClock, type Clock } from './engine/clock.js';
import type { EntryPolicy } from './engine/entry-policy.js';
import { untraced, type Tracer } from './engine/tracer.js';
import { logWarnings } from './log/log-warnings.js';
import { redisTarget } from './redis/redis-address.js';
import type { RedisOptions, ResolvedRedisOptions } from './redis/redis-options.js';

/** {@link CacheModuleOptions} as the parts of a cache read them: complete and checked, so that none has defaults. */
export interface ResolvedOptions extends Readonly<
  Pick<
    CacheModuleOptions,
    'admission' | 'principal' | 'tenant' | 'principalDecorators' | 'shapeOf' | 'store' | 'backplane'
  >
> {
  readonly name: string;
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
  readonly onEvent: NonNullable<CacheModuleOptions['onEvent']>;
  readonly tracer: Tracer;
  readonly clock: Clock;
  /** What one request may wait for the store, ms. */
  readonly requestBudgetMs: number;
}

const optionNames: OptionNames<CacheModuleOptions> = {
  name: true,
  enabled: true,
  redis: true,
  namespace: true,
  maxBytes: true,
  jitter: true,
  auditRate: true,
  bulkhead: true,
  admission: true,
  compress: true,
  outbox: true,
  principal: true,
  tenant: true,
  principalDecorators: true,
  shapeOf: true,
  onEvent: true,
  tracer: true,
  store: true,
  backplane: true,
  clock: true,
  grace: true,
  softTimeout: true,
  retryAfter: true,
  consistency: true,
  refreshAhead: true,
};
const functionNames = ['admission', 'principal', 'tenant', 'shapeOf', 'onEvent'] as const;
const redisOptionNames: OptionNames<RedisOptions> = {
  url: true,
  clusterNodes: true,
  sentinels: true,
  sentinelMaster: true,
  password: true,
  username: true,
  tls: true,
  database: true,
  maxConnections: true,
  pool: true,
  socketTimeoutMs: true,
  connectTimeoutMs: true,
  retryOnTimeout: true,
  commandTimeoutMs: true,
};
const bulkheadOptionNames: OptionNames<BulkheadOptions> = {
  concurrency: true,
  maxWaiting: true,
  maxWaitMs: true,
};

const COMMAND_TIMEOUT_MS = 50;
/** Nobody waits longer for anything; and a timer of Node's has a bound beyond which it ends at once. */
const MAX_WAIT_MS = 600_000;

/** @throws {CacheError} `CACHE_INVALID_OPTIONS`, `CACHE_INVALID_TTL`: names the first that is wrong, and what is allowed */
export function resolveOptions(options: CacheModuleOptions): ResolvedOptions {
  checkNames(options, optionNames, 'CacheModule');
  checkNames(options.bulkhead ?? {}, bulkheadOptionNames, 'CacheModule, bulkhead');
  for (const name of functionNames) functionOrNone(name, options[name]);
  const { store, backplane, outbox, tracer = untraced, clock = systemClock } = options;
  const { enabled = true, namespace = '', maxBytes = 64 * 1024 * 1024 } = options;
  const { jitter = 0.1, auditRate = 0.001, compress = true } = options;
  const { concurrency = 32, maxWaiting = 1000, maxWaitMs = 2000 } = options.bulkhead ?? {};
  const name = tokenOf(options.name ?? 'cache');
  const redis = options.redis && resolveRedisOptions(options.redis, name);
  const hasOtherStore = redis !== undefined || store !== undefined;
  if (store && typeof (store.isShared as unknown) !== 'boolean') {
    throw invalidOptions('a store says by isShared whether others may invalidate in it, too');
  }
  if (redis && store) throw invalidOptions('either redis or a store of your own, not both');
  if (backplane && !store) throw invalidOptions('backplane tells of a store of your own; give store, too');
  if (enabled && maxBytes === 0 && !hasOtherStore) {
    throw invalidOptions(
      'maxBytes: 0 leaves entries to Redis; give redis, or enabled: false to keep nothing',
    );
  }
  const { principalDecorators = [] } = options;
  const areDecorators =
    Array.isArray(principalDecorators) && principalDecorators.every((one) => typeof one === 'function');
  allowed('principalDecorators', principalDecorators, areDecorators, 'a list of decorators');
  return {
    ...options,
    name,
    enabled: flag('enabled', enabled),
    redis,
    namespace: namespaceOf(namespace),
    maxBytes: whole('maxBytes', maxBytes, [0, Number.MAX_SAFE_INTEGER]),
    jitter: part('jitter', jitter, 'a TTL'),
    auditRate: part('auditRate', auditRate, 'the hits'),
    bulkhead: {
      concurrency: whole('bulkhead.concurrency', concurrency, [1, 1_000_000]),
      maxWaiting: whole('bulkhead.maxWaiting', maxWaiting, [0, 1_000_000]),
      maxWaitMs: milliseconds('bulkhead.maxWaitMs', maxWaitMs, [0, MAX_WAIT_MS]),
    },
    compress: flag('compress', compress),
    policy: modulePolicy(options),
    outbox: redis || store?.isShared ? outbox : undefined,
    onEvent: options.onEvent ?? logWarnings(undefined, clock),
    tracer: withMethods('tracer', tracer, ['load', 'invalidate']),
    clock: withMethods('clock', clock, ['monotonicMs', 'schedule']),
    requestBudgetMs: redis?.commandTimeoutMs ?? COMMAND_TIMEOUT_MS,
  };
}

/** @throws {CacheError} `CACHE_INVALID_OPTIONS` */
export function resolveRedisOptions(redis: RedisOptions, name: string): ResolvedRedisOptions {
  checkNames(redis, redisOptionNames, 'CacheModule, redis');
  const { maxConnections = 50, pool = false, retryOnTimeout = true } = redis;
  const { socketTimeoutMs = 1000, connectTimeoutMs = 5000, commandTimeoutMs = COMMAND_TIMEOUT_MS } = redis;
  return {
    target: redisTarget(redis, `${name}-cache`),
    maxConnections: whole('redis.maxConnections', maxConnections, [1, 10_000]),
    pool: flag('redis.pool', pool),
    // Between two heartbeats a connection rests for half of it: less would be a flood of them.
    socketTimeoutMs: milliseconds('redis.socketTimeoutMs', socketTimeoutMs, [100, 1000]),
    connectTimeoutMs: milliseconds('redis.connectTimeoutMs', connectTimeoutMs),
    retryOnTimeout: flag('redis.retryOnTimeout', retryOnTimeout),
    commandTimeoutMs: milliseconds('redis.commandTimeoutMs', commandTimeoutMs),
  };
}

type Range = readonly [min: number, max: number];

function whole(option: string, value: number, range: Range): number {
  const isAllowed = Number.isInteger(value) && isWithin(value, range);
  return allowed(option, value, isAllowed, `a whole number, ${rangeText(range)}`);
}

function milliseconds(option: string, value: number, range: Range = [1, MAX_WAIT_MS]): number {
  return allowed(option, value, isWithin(value, range), `a number of ms, ${rangeText(range)}`);
}

function part(option: string, value: number, whole: string): number {
  return allowed(option, value, isWithin(value, [0, 1]), `a part of ${whole}, 0 to 1`);
}

/** The text `'false'` of a variable would otherwise be true. */
function flag(option: string, value: boolean): boolean {
  return allowed(option, value, typeof value === 'boolean', 'true or false');
}

function functionOrNone(option: string, value: unknown): void {
  allowed(option, value, value === undefined || typeof value === 'function', 'a function');
}

function withMethods<T extends object>(option: string, value: T, names: readonly (keyof T & string)[]): T {
  const given = value as T | null;
  const isAllowed = given !== null && names.every((name) => typeof given[name] === 'function');
  return allowed(option, value, isAllowed, `an object with ${names.join(' and ')}`);
}

/** @see RFC 9110 section 5.6.2; one that RFC 9211 takes without quotes begins with a letter, RFC 9651 section 3.3.4 */
function tokenOf(value: string): string {
  const isAllowed = typeof value === 'string' && /^[a-z][\w!#$%&'*+.^`|~-]{0,63}$/i.test(value);
  return allowed('name', value, isAllowed, 'a token such as shop, from a letter on, of up to 64 characters');
}

function namespaceOf(value: string): string {
  const isAllowed = typeof value === 'string' && /^[\w.:-]*$/.test(value);
  return allowed('namespace', value, isAllowed, 'a text of letters, digits and . : - _');
}

/** Types do not hold where options come from JavaScript, or from a configuration that only says it has them. */
function isWithin(value: unknown, [min, max]: Range): boolean {
  return typeof value === 'number' && value >= min && value <= max;
}

function rangeText([min, max]: Range): string {
  return `${min} to ${max.toLocaleString('en')}`;
}

function allowed<T>(option: string, value: T, isAllowed: boolean, what: string): T {
  if (isAllowed) return value;
  throw invalidOptions(`${option} must be ${what}, not ${inspect(value, { depth: 0 })}`);
}
