import { CurrentPrincipal } from './access/current-principal.decorator.js';
import type { Principal } from './access/principal.js';
import type { DataSource } from 'typeorm';
import type { CacheModuleOptions, CacheRequest, Outbox, RedisOptions } from './cache/index.js';
import { TypeormOutbox } from './cache/outbox/typeorm.outbox.js';
import type { Environment } from './config/environment.js';
import type { AppLogger } from './telemetry/app-logger.js';
import { cacheLog } from './telemetry/cache-log.js';
import type { LogRecord } from './telemetry/log-catalogue.js';
import { traceCacheEvent, tracing } from './telemetry/tracing.js';

/** How long every cached answer, and every person's rights, outlast their TTL while the database cannot be asked, s. */
const GRACE_S = 60;
/** How long the database may take where there is such an answer, s: less than a query of it may. */
const SOFT_TIMEOUT_S = 1;

/** The settings as the cache wants them. */
export function cacheSettings(
  environment: Environment,
  logger: AppLogger,
  dataSource: DataSource,
): CacheModuleOptions {
  const redis = redisSettings(environment);
  // Who asks is read again each second, for everybody who asks.
  const log = cacheLog(logger, (prefix) => prefix === 'rights_caller');
  return {
    name: 'ai-native',
    enabled: environment.CACHE_ENABLED,
    grace: GRACE_S,
    softTimeout: SOFT_TIMEOUT_S,
    namespace: environment.CACHE_NAMESPACE,
    maxBytes: environment.CACHE_L1_MAX_BYTES,
    auditRate: environment.CACHE_AUDIT_RATE,
    ...(redis ? { redis, outbox: outbox(environment, logger, dataSource) } : {}),
    principal: principalOf,
    principalDecorators: [CurrentPrincipal],
    tracer: tracing,
    // Below the size of the pool, so that writes and probes still get a connection.
    bulkhead: { concurrency: Math.max(1, environment.DATABASE_POOL_SIZE - 2) },
    onEvent: (event) => {
      log(event);
      traceCacheEvent(event);
    },
  };
}

function outbox(environment: Environment, logger: AppLogger, dataSource: DataSource): Outbox {
  if (environment.NODE_ENV === 'test') return new TypeormOutbox(dataSource, { followed: true });
  const told = new Set<string>();
  return new TypeormOutbox(dataSource, {
    followed: true,
    onUnprotectedWrite: (method) => {
      if (told.has(method)) return;
      told.add(method);
      logger.warn({ event: 'cache.unprotected_write', method } satisfies LogRecord);
    },
  });
}

/** Where Redis is and how it is asked; `undefined` where no setting names one. */
export function redisSettings(environment: Environment): RedisOptions | undefined {
  const place = redisPlace(environment);
  return (
    place && {
      ...place,
      maxConnections: environment.REDIS_MAX_CONNECTIONS,
      pool: environment.REDIS_POOL,
      socketTimeoutMs: Math.min(environment.REDIS_SOCKET_TIMEOUT, 1) * 1000,
      connectTimeoutMs: environment.REDIS_SOCKET_CONNECT_TIMEOUT * 1000,
      retryOnTimeout: environment.REDIS_RETRY_ON_TIMEOUT,
      commandTimeoutMs: environment.REDIS_COMMAND_TIMEOUT_MS,
    }
  );
}

function redisPlace(environment: Environment): RedisOptions | undefined {
  const { REDIS_URL: url, REDIS_CLUSTER_NODES: clusterNodes, REDIS_SENTINELS: sentinels } = environment;
  const { REDIS_PASSWORD: password, REDIS_USERNAME: username, REDIS_TLS: tls } = environment;
  if (url !== undefined) return { url, password };
  if (clusterNodes) return { clusterNodes, username, password, tls };
  if (!sentinels) return undefined;
  const { REDIS_SENTINEL_MASTER: sentinelMaster, REDIS_DATABASE: database } = environment;
  return { sentinels, sentinelMaster, username, password, tls, database };
}

function principalOf(request: CacheRequest): string | undefined {
  const { principal } = request as CacheRequest & { principal?: Principal };
  return principal && `${principal.role}:${principal.sub}`;
}
