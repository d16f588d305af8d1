import type { Environment } from '../config/environment.js';
import type { LogRecord } from '../telemetry/log-catalogue.js';

/**
 * What to know after starting the service: where to look, what to try, and what is not set up.
 *
 * @param port  the port it listens on, which differs from PORT if that is 0
 */
export function startBanner(environment: Environment, port: number): string {
  const url = `http://localhost:${port}`;
  const isOpen = !environment.AUTH_JWKS_URL && !environment.AUTH_JWT_SECRET;
  const token = isOpen ? '' : '-H "Authorization: Bearer $TOKEN" ';
  const lines = [
    ...(environment.API_DOCS_ENABLED ? [['Swagger UI', `${url}/api/v3/docs`]] : []),
    ['Health', `${url}/health`],
    ...(hasDemoData(environment) ? [['Try', `curl ${token}${url}/api/v3/analytics/courses/PROG-101`]] : []),
    ...(environment.AUTH_JWT_SECRET && !environment.isProduction
      ? [['Token', 'TOKEN=$(npm run --silent token -- --role admin --sub ADMIN001)']]
      : []),
    ['Cache', cachePlace(environment)],
    ['Stop', 'Ctrl-C'],
  ];
  return ['', ...lines.map(([name, text]) => `  ${(name ?? '').padEnd(12)}${text}`), '', ''].join('\n');
}

/** The line that says where answers are kept, or that none are; `undefined` with Redis, which has a line of its own. */
export function cacheWithoutRedis({ CACHE_ENABLED, hasRedis }: Environment): LogRecord | undefined {
  if (CACHE_ENABLED && hasRedis) return undefined;
  const status = CACHE_ENABLED ? 'in memory of this process alone' : 'switched off';
  return { event: 'cache.without_redis', status };
}

/** `false` for any other database than the embedded one: what it holds is not known. */
function hasDemoData({ DATABASE_URL, DEMO_DATA }: Environment): boolean {
  return !DATABASE_URL && DEMO_DATA !== 'none';
}

function cachePlace({ CACHE_ENABLED, hasRedis }: Environment): string {
  if (!CACHE_ENABLED) return 'switched off (CACHE_ENABLED=false)';
  if (hasRedis) return 'in Redis';
  return 'in memory of this process; to share it, start with REDIS_URL=redis://localhost:6379';
}
