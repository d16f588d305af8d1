import { CacheError } from '../engine/cache-errors.js';

/** Where Redis is and how to log in, in separate fields: the client never sees a URL it could print. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  /** Fit for logs and answers: `redis://***@host:6379/0`. */
  readonly masked: string;
}

/**
 * Reads `redis[s]://[[user]:password@]host[:port][/db]`. Percent signs in user and password are decoded.
 *
 * @param password  overrides an absent one in the URL; both, and different, is an error; empty means none
 * @throws {CacheError} `CACHE_INVALID_OPTIONS`; its message never holds the URL or the password
 */
export function parseRedisAddress(url: string, password?: string): RedisAddress {
  const parsed = parseUrl(url);
  const fromUrl = parsed.password ? decode(parsed.password) : undefined;
  const separate = password === '' ? undefined : password;
  if (fromUrl !== undefined && separate !== undefined && fromUrl !== separate) {
    throw invalid('REDIS_URL and REDIS_PASSWORD hold different passwords; give one of them');
  }
  const database = Number(parsed.pathname.slice(1) || 0);
  if (!Number.isInteger(database) || database < 0)
    throw invalid('the path of REDIS_URL must be a database number, as in redis://localhost:6379/0');
  const secret = fromUrl ?? separate;
  const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(parsed.port || 6379);
  const scheme = parsed.protocol === 'rediss:' ? 'rediss' : 'redis';
  return {
    host,
    port,
    tls: scheme === 'rediss',
    username: parsed.username ? decode(parsed.username) : undefined,
    password: secret,
    database,
    masked: `${scheme}://${secret || parsed.username ? '***@' : ''}${parsed.hostname}:${port}/${database}`,
  };
}

function parseUrl(url: string): URL {
  // The error of the platform's parser carries the whole URL, password included, so ours takes its place.
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed && /^rediss?:$/.test(parsed.protocol) && parsed.hostname) return parsed;
  throw invalid(
    'REDIS_URL must look like redis://localhost:6379/0 (special characters in the password percent-encoded)',
  );
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('the password in REDIS_URL has a percent sign that encodes nothing; write it as %25');
  }
}

function invalid(message: string): CacheError {
  return new CacheError('CACHE_INVALID_OPTIONS', message);
}
