import { invalidOptions } from '../engine/cache-errors.js';

/** One server as the client connects to it. In separate fields, so that the client has no URL with a password to print. */
export interface RedisAddress extends HostAndPort, RedisLogin {
  /** The number of the failover that made it the master, if sentinels named it: the higher, the later. */
  readonly failover?: number;
}

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export interface RedisLogin {
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  /** What the connection is called in the server's `CLIENT LIST`. */
  readonly clientName: string;
}

/** Where Redis is: one server, one that sentinels name, or the masters of a cluster. */
export type RedisTarget = { readonly login: RedisLogin } & (
  | { readonly kind: 'server'; readonly server: HostAndPort }
  | { readonly kind: 'sentinel'; readonly sentinels: readonly HostAndPort[]; readonly masterName: string }
  | { readonly kind: 'cluster'; readonly nodes: readonly HostAndPort[] }
);

/** Exactly one of `url`, `clusterNodes` and `sentinels`. */
export interface RedisTargetOptions {
  /** `redis[s]://[[user]:password@]host[:port][/db]` */
  url?: string | undefined;
  /** Some nodes of a Redis Cluster as `host:port`; the others are found through them. */
  clusterNodes?: readonly string[] | undefined;
  /** Sentinels as `host:port`; they name the server to use. */
  sentinels?: readonly string[] | undefined;
  /** What the sentinels call that server. Default `mymaster`. */
  sentinelMaster?: string | undefined;
  /** With `url`, only where that has none, or the same. Sentinels that ask for a password get it, too. */
  password?: string | undefined;
  /** Not with `url`, which carries it; needs a password. Default: Redis's own `default`. */
  username?: string | undefined;
  /** Whether to connect through TLS. Not with `url`, whose scheme says it. Default false. */
  tls?: boolean | undefined;
  /** Number of the database. Only with `sentinels`: `url` carries it, and a cluster has but one. Default 0. */
  database?: number | undefined;
}

/**
 * @param clientName  see {@link RedisLogin}
 * @throws {CacheError} `CACHE_INVALID_OPTIONS`; its message never holds a URL or a password
 */
export function redisTarget(options: RedisTargetOptions, clientName: string): RedisTarget {
  const { url, clusterNodes, sentinels, sentinelMaster, password, username, tls, database } = options;
  const given = [url, clusterNodes, sentinels].filter((place) => place !== undefined);
  if (given.length !== 1) {
    throw invalidOptions('give exactly one of redis.url, redis.clusterNodes and redis.sentinels');
  }
  if (sentinelMaster !== undefined && !sentinels) {
    throw invalidOptions('redis.sentinelMaster is a name that redis.sentinels know; give them, too');
  }
  if (url !== undefined) {
    if (username !== undefined || tls !== undefined || database !== undefined) {
      throw invalidOptions(
        'redis.username, redis.tls and redis.database are part of redis.url; give them there',
      );
    }
    return knownUser(parseUrl(url, password, clientName));
  }
  if (
    database !== undefined &&
    !(clusterNodes === undefined && Number.isInteger(database) && database >= 0)
  ) {
    throw invalidOptions('redis.database is a whole number, and a cluster has only database 0');
  }
  const login = {
    tls: tls ?? false,
    username,
    password: password === '' ? undefined : password,
    database: database ?? 0,
    clientName,
  };
  if (clusterNodes) {
    return knownUser({ kind: 'cluster', nodes: list('clusterNodes', clusterNodes, 6379), login });
  }
  const named = list('sentinels', sentinels ?? [], 26379);
  return knownUser({ kind: 'sentinel', sentinels: named, masterName: sentinelMaster ?? 'mymaster', login });
}

/** Refuses a user without a password: the client would not log in, and be Redis's `default`, which may do anything. */
function knownUser(target: RedisTarget): RedisTarget {
  const { username = 'default', password } = target.login;
  if (password !== undefined || username === 'default') return target;
  throw invalidOptions(
    'redis names a user and no password, so Redis would take it for its user default; give both',
  );
}

/** Fit for logs and answers: `redis://***@host:6379/0`, `redis+sentinel://a:26379,b:26379/mymaster`. */
export function maskedUrl(target: RedisTarget): string {
  const { login, kind } = target;
  const scheme = `redis${login.tls ? 's' : ''}${kind === 'server' ? '' : `+${kind}`}`;
  const secret = (login.password ?? login.username) ? '***@' : '';
  const database = login.database === 0 ? '' : `/${login.database}`;
  switch (target.kind) {
    case 'server':
      return `${scheme}://${secret}${hostAndPort(target.server)}/${login.database}`;
    case 'sentinel':
      return `${scheme}://${secret}${target.sentinels.map(hostAndPort).join()}/${target.masterName}${database}`;
    case 'cluster':
      return `${scheme}://${secret}${target.nodes.map(hostAndPort).join()}`;
  }
}

export function hostAndPort({ host, port }: HostAndPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * Percent signs in user and password are decoded.
 *
 * @param password  used if the URL has none; an error if that has another; empty means none
 */
function parseUrl(url: string, password: string | undefined, clientName: string): RedisTarget {
  // Not the parser's own error: that holds the whole URL, password included.
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^rediss?:$/.test(parsed.protocol) || !parsed.hostname) {
    throw invalidOptions(
      'redis.url must look like redis://localhost:6379/0 (special characters in the password percent-encoded)',
    );
  }
  const fromUrl = parsed.password ? decode(parsed.password) : undefined;
  const separate = password === '' ? undefined : password;
  if (fromUrl !== undefined && separate !== undefined && fromUrl !== separate) {
    throw invalidOptions('redis.url and redis.password hold different passwords; give one of them');
  }
  const database = Number(parsed.pathname.slice(1) || 0);
  if (!Number.isInteger(database) || database < 0) {
    throw invalidOptions('the path of redis.url must be a database number, as in redis://localhost:6379/0');
  }
  return {
    kind: 'server',
    server: { host: withoutBrackets(parsed.hostname), port: Number(parsed.port || 6379) },
    login: {
      tls: parsed.protocol === 'rediss:',
      username: parsed.username ? decode(parsed.username) : undefined,
      password: fromUrl ?? separate,
      database,
      clientName,
    },
  };
}

function list(name: string, items: readonly string[], defaultPort: number): HostAndPort[] {
  if (items.length === 0) throw invalidOptions(`redis.${name} is empty; name at least one as host:port`);
  return items.map((item) => {
    const [, host, port] = /^(\[[\da-f:.]+\]|[^\s:/@[\]]+)(?::(\d{1,5}))?$/i.exec(item) ?? [];
    if (host === undefined)
      throw invalidOptions(`redis.${name} must be a list of host:port, such as 10.0.0.1:${defaultPort}`);
    return { host: withoutBrackets(host), port: Number(port ?? defaultPort) };
  });
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidOptions(
      'the user or password in redis.url has a percent sign that encodes nothing; write it as %25',
    );
  }
}

/** The inverse of {@link hostAndPort}. */
export function fromHostAndPort(text: string): HostAndPort {
  const colon = text.lastIndexOf(':');
  return { host: withoutBrackets(text.slice(0, colon)), port: Number(text.slice(colon + 1)) };
}
