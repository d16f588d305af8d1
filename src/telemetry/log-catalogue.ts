import type { LogLevel } from '../config/environment.js';

/** The fields of a line, for machines. All are optional, since not every event has every one. */
export interface LogFields {
  /** Cache key, whole */
  key?: string;
  bytes?: number;
  /** Cached view, such as `system_stats` */
  prefix?: string;
  /** Time to live, s */
  ttl_s?: number;
  duration_ms?: number;
  /** How far a stale answer was beyond its TTL */
  stale_ms?: number;
  tags?: readonly string[];
  pattern?: string;
  /** `Class.method` */
  method?: string;
  /** How many: cache entries, keys, events, tags with those that the line leaves out, as the event says */
  count?: number;
  duplicates?: number;
  rejected?: number;
  users?: number;
  sessions?: number;
  /** Address of a server; passwords in it are masked */
  url?: string;
  operation?: string;
  attempt?: number;
  delay_ms?: number;
  /** How long after a hit it was looked at again */
  after_ms?: number;
  version?: string;
  clients?: number;
  memory?: string;
  status?: string;
  /** State of a circuit breaker: closed, open, half-open */
  state?: string;
  /** Which of several servers, without a password */
  server?: string;
  /** Code such as ECONNREFUSED; never an exception's text */
  error_code?: string;
  reason?: string;
  /** Name of a response header */
  header?: string;
  /** Name of a migration, with its time */
  migration?: string;
  /** Place in the code */
  at?: string;
  /** A line of the report on what is cached and what invalidates it */
  line?: string;
  /** Id of the request that the line is about. Given as `undefined`: it is about none, though it was noticed in one */
  request_id?: string | undefined;
}

interface LogEntry {
  emoji: string;
  level: LogLevel;
  text: (fields: LogFields) => string;
}

const subject = ({ prefix, key }: LogFields) => prefix ?? key ?? 'unknown';
/** Why a result was not stored, for people. */
const unstored: Readonly<Record<string, string>> = {
  'newer-write': 'computed before a newer write',
  'newer-run': 'a run that began later has given another already',
  'no-token': 'the store gave no token of what it depends on',
  'tags-unknown': 'its arguments named further tags, which is known from now on',
  unless: 'its method said so',
  'no-ttl': 'it was given no time',
  status: 'its status is not 200',
  header: 'its handler set a header that the route does not store',
  'not-plain': 'it is no JSON object or array',
  unserialisable: 'it holds what has no stored form',
  'rule-failed': 'a function that says how to keep it threw',
  'handler-skipped': "an interceptor answered in its handler's place",
  'stale-inside': 'it was made of something beyond its TTL',
  'in-transaction': 'it was read in a transaction that is not over yet',
};

const inBrackets = (name?: string) => (name === undefined ? '' : ` (${name})`);

/** Why an answer is shared with nobody, for people. */
const unshared: Readonly<Record<string, string>> = {
  'nobody-to-share-with': 'its scope names nobody who asks',
  'not-plain': 'something before the cache has shaped the response',
};

const failure = ({ error_code, reason }: LogFields) => error_code ?? reason ?? 'unknown error';

/**
 * Every event that has a line of its own. A miss has the sign of an error, as in the original's log: `event` tells them apart.
 */
export const logCatalogue = {
  'cache.graph': entry('🗺️', 'debug', ({ line = '' }) => `Cache graph: ${line}`),
  'cache.without_redis': entry('💾', 'info', ({ status }) => `Cache without Redis: ${status}`),
  'cache.init': entry('🔧', 'info', ({ url }) => `Redis cache initialized with URL: ${url}`),
  'cache.connecting': entry('🔌', 'info', () => 'Attempting to connect to Redis...'),
  'cache.connected': entry('✅', 'info', () => 'Redis connection established successfully'),
  'cache.connect_failed': entry('❌', 'error', (fields) => `Failed to connect to Redis: ${failure(fields)}`),
  'cache.reconnecting': entry(
    '🔌',
    'warn',
    ({ attempt, delay_ms, reason }) =>
      `Reconnecting to Redis (attempt ${attempt}, in ${delay_ms} ms)${because(reason)}`,
  ),
  'cache.ready': entry('✅', 'info', () => 'Redis cache initialized successfully'),
  'cache.server_info': entry(
    '📊',
    'info',
    ({ version, clients, memory }) =>
      `Redis version: ${version} / Connected clients: ${clients} / Used memory: ${memory}`,
  ),
  'cache.disabled': entry(
    '⚠️',
    'warn',
    ({ reason }) => `Application will continue without cache${because(reason)}`,
  ),
  'cache.disconnected': entry('🔌', 'info', () => 'Redis disconnected successfully'),
  'cache.key': entry('🔑', 'debug', ({ key }) => `Generated cache key: ${key}`),
  'cache.lookup': entry('🔍', 'debug', ({ key }) => `Checking cache for: ${key}`),
  'cache.hit': entry('✅', 'debug', ({ prefix, key }) =>
    prefix === undefined ? `Cache HIT: ${key}` : `Cache HIT for ${prefix}`,
  ),
  'cache.miss': entry('❌', 'info', (fields) => `Cache MISS for ${subject(fields)} - executing function`),
  'cache.stored': entry(
    '💾',
    'info',
    (fields) => `Cached result for ${subject(fields)} (TTL: ${fields.ttl_s}s)`,
  ),
  'cache.set': entry('✅', 'info', ({ key }) => `Cache SET successful: ${key}`),
  'cache.skip': entry(
    '⚠️',
    'warn',
    ({ operation, key }) => `Redis not connected, skipping ${operation ?? 'GET'} for key: ${key}`,
  ),
  'cache.get_error': entry(
    '❌',
    'error',
    (fields) => `Redis GET error for key ${fields.key}: ${failure(fields)}`,
  ),
  'cache.set_error': entry(
    '❌',
    'error',
    (fields) => `Redis SET error for key ${fields.key}: ${failure(fields)}`,
  ),
  'cache.fallback': entry('⚠️', 'warn', () => 'Falling back to uncached execution'),
  'cache.decode_error': entry('❌', 'error', ({ key }) => `Unreadable cached value, treated as MISS: ${key}`),
  'cache.coalesced': entry(
    '⏳',
    'debug',
    (fields) => `Waited for another request computing ${subject(fields)} (${fields.duration_ms} ms)`,
  ),
  'cache.stale_served': entry('🕰️', 'info', (fields) =>
    fields.reason === 'error'
      ? `Serving stale value, for a run of ${subject(fields)} has failed`
      : `Serving stale value while refreshing ${subject(fields)}`,
  ),
  'cache.refresh_failed': entry(
    '⚠️',
    'warn',
    (fields) => `Could not refresh ${subject(fields)}: ${failure(fields)}`,
  ),
  'cache.audit_wrong': entry(
    '⚠️',
    'warn',
    ({ prefix, after_ms }) =>
      `Served ${prefix} differs from its source, after ${after_ms} ms still: changed without an invalidation`,
  ),
  'cache.unprotected_write': entry(
    '⚠️',
    'warn',
    ({ method }) => `${method} writes outside a transaction: a crash could leave old answers in the cache`,
  ),
  'cache.overloaded': entry(
    '⚠️',
    'warn',
    (fields) => `Too many computations of ${subject(fields)} while the cache is away`,
  ),
  'cache.breaker': entry(
    '🔌',
    'warn',
    ({ state, server }) =>
      `Circuit breaker of Redis${server === undefined ? '' : ` at ${server}`} is ${state}`,
  ),
  'cache.no_store': entry(
    '⚠️',
    'debug',
    ({ prefix, reason = 'newer-write', header }) =>
      `Result not cached${prefix === undefined ? '' : ` for ${prefix}`}: ${unstored[reason] ?? reason}${inBrackets(header)}`,
  ),
  'cache.shape_unknown': entry(
    '⚠️',
    'warn',
    ({ method }) => `Neither a schema nor a shape names the form of what ${method} answers`,
  ),
  'cache.scope_unknown': entry(
    '⚠️',
    'warn',
    ({ method }) => `Requests to ${method} with Authorization are not cached: it names no scope`,
  ),
  'cache.bypass': entry(
    '⚠️',
    'warn',
    ({ method, reason = '' }) => `Requests to ${method} are not cached: ${unshared[reason] ?? reason}`,
  ),
  'cache.key_failed': entry(
    '⚠️',
    'warn',
    ({ method, reason }) => `There is no key for a call of ${method} (${reason}): it is not cached`,
  ),
  'cache.rule_failed': entry(
    '❌',
    'error',
    ({ method, reason }) =>
      `@InvalidateCache on ${method} cannot tell what is old (${reason}): everything is invalidated`,
  ),
  'cache.invalidated': entry(
    '🗑️',
    'info',
    ({ tags = [], count = tags.length }) =>
      `Invalidated all cache entries of ${tags.map(readable).join(', ')}${count > tags.length ? ` and ${count - tags.length} more` : ''}`,
  ),
  'cache.deleted': entry(
    '🗑️',
    'info',
    ({ count, pattern }) => `Deleted ${count} keys matching pattern: ${pattern}`,
  ),
  'cache.invalidate_error': entry(
    '❌',
    'error',
    (fields) => `Cache invalidation error: ${failure(fields)} (queued for retry)`,
  ),
  'cache.invalidated_late': entry(
    '🗑️',
    'info',
    ({ count }) => `Cache invalidations that were queued for retry are done (${count} tokens)`,
  ),
  'stats.fetch': entry('📊', 'info', () => 'Fetching system statistics...'),
  'stats.done': entry(
    '✅',
    'info',
    ({ users, sessions }) => `Statistics retrieved: ${users} users, ${sessions} sessions`,
  ),
  'health.check': entry(
    '🏥',
    'info',
    ({ status, reason }) => `Health check complete: ${status}${because(reason)}`,
  ),
  'cache.selftest': entry('🧪', 'info', () => 'Testing Redis operations...'),
  'ingest.batch': entry(
    '📥',
    'info',
    ({ count, duplicates, rejected, duration_ms }) =>
      `Ingested ${count} events (${duplicates} duplicates, ${rejected} rejected) in ${duration_ms} ms`,
  ),
  'database.ready': entry('✅', 'info', () => 'Database ready'),
  'database.not_ready': entry(
    '❌',
    'error',
    ({ reason }) => `Database not available (${reason}), trying again until it is`,
  ),
  'database.waiting': entry('⏳', 'info', () => 'Waiting for another process that migrates the database'),
  'database.pooler': entry(
    '❌',
    'error',
    () =>
      'DATABASE_URL leads to a pooler, such as PgBouncer, which refuses limits of time or drops them: name the database itself',
  ),
  'database.migration_failed': entry(
    '❌',
    'error',
    ({ migration, reason }) => `Migration ${migration} failed (${reason}), trying again until it does not`,
  ),
  'database.away': entry('❌', 'error', ({ reason }) => `Database is not available (${reason})`),
  'database.back': entry('✅', 'info', () => 'Database answers again'),
  'database.connection_lost': entry(
    '⚠️',
    'warn',
    ({ reason }) => `Lost an idle connection to the database (${reason})`,
  ),
  'rate_limit.alone': entry(
    '⚠️',
    'warn',
    ({ reason }) => `Rate limits are counted by this process alone (${reason})`,
  ),
  'request.refused': entry(
    '⚠️',
    'warn',
    ({ count = 1, reason }) => `Refused ${count} ${count === 1 ? 'request' : 'requests'}: ${reason}`,
  ),
  'connections.limited': entry(
    '⚠️',
    'warn',
    ({ clients, count }) =>
      `Takes on ${clients} clients at a time, less than MAX_CONNECTIONS: the process may open ${count} files`,
  ),
  'process.failed': entry(
    '❌',
    'error',
    ({ reason, error_code, at }) =>
      `Nobody handled ${[reason, error_code].filter(Boolean).join(' ')}${at === undefined ? '' : ` at ${at}`}: stopping`,
  ),
} satisfies Record<string, LogEntry>;

export type LogEvent = keyof typeof logCatalogue;

/** What to pass to a Nest logger so that the line is that of the catalogue: `logger.log({ event: 'stats.fetch' })`. */
export interface LogRecord extends LogFields {
  event: LogEvent;
}

function entry(emoji: string, level: LogLevel, text: LogEntry['text']): LogEntry {
  return { emoji, level, text };
}

function because(reason: string | undefined): string {
  return reason === undefined ? '' : `: ${reason}`;
}

/** Writes the cache's own name of a tag, such as `tag/course:PROG-101` or `prefix/student_risk/STU001`, as decorators do. */
function readable(tag: string): string {
  if (tag === 'epoch') return 'everything';
  if (tag.startsWith('prefix/')) return `${tag.slice('prefix/'.length).replaceAll('/', ':')}:*`;
  return tag.replace(/^tag\//, '');
}
