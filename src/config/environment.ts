import { faultOfDatabaseUrl, withCheckedTls } from './database-url.js';
import {
  ListOf,
  OneOf,
  Optional,
  Rewritten,
  Seconds,
  Share,
  Text,
  TextThat,
  TextWithout,
  Toggle,
  WholeNumber,
  isAddressOrNetwork,
  isHostAndPort,
  isUrlOf,
} from './variables.js';

export const logLevels = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof logLevels)[number];

const stages = ['development', 'test', 'production'] as const;
const presets = ['demo', 'seed-doc', 'none'] as const;

/**
 * Every setting of the service, validated when it starts and read-only after that.
 * A property is called as its environment variable; `.env.example` tells the same list to operators.
 */
export class Environment {
  /** What this process is for; `production` refuses to start without a database and credentials for callers */
  @OneOf(stages, 'production')
  readonly NODE_ENV: (typeof stages)[number] = 'development';

  /** Another name for NODE_ENV; if either says production, it is production */
  @Optional()
  @OneOf(stages, 'production')
  readonly ENVIRONMENT?: (typeof stages)[number];

  /** Address to listen on */
  @Text('127.0.0.1')
  readonly HOST: string = '0.0.0.0';

  /** TCP port to listen on; 0 takes any free one */
  @WholeNumber({ min: 0, max: 65_535, example: 8000 })
  readonly PORT: number = 8000;

  /** TCP port that serves /health and /metrics alone, beside PORT: probes wait there for no client. Default: none */
  @Optional()
  @WholeNumber({ min: 1, max: 65_535, example: 8001 })
  readonly HEALTH_PORT?: number;

  /** Largest request body, bytes */
  @WholeNumber({ min: 1024, max: 64 * 1024 * 1024, example: 1_048_576 })
  readonly BODY_LIMIT: number = 1024 * 1024;

  /** Origins that browsers may call from; none by default */
  @ListOf(
    'a comma-separated list of origins',
    'https://campus.example.org,http://localhost:3000',
    (origin) => isUrlOf('http:', 'https:')(origin) && new URL(origin).origin === origin,
  )
  readonly ALLOWED_ORIGINS: readonly string[] = [];

  /** Whether Swagger UI and the OpenAPI document are served; false in production, else true */
  @Toggle(true)
  readonly API_DOCS_ENABLED: boolean = true;

  /** Open connections at most; more are closed at once. Fewer where the process may not open as many files and 128 more */
  @WholeNumber({ min: 10, max: 1_000_000, example: 5000 })
  readonly MAX_CONNECTIONS: number = 5000;

  /**
   * Requests at most that are in their handlers at a time; a burst of others waits, a flood is refused with 503. Hits of the cache
   * do not count; batches whose lines are still on their way have a quarter as many places of their own
   */
  @WholeNumber({ min: 1, max: 100_000, example: 20 })
  readonly MAX_REQUESTS_IN_FLIGHT: number = 20;

  /** Lateness of timers beyond which requests are refused with 503, ms; 0 never refuses */
  @WholeNumber({ min: 0, max: 60_000, example: 250 })
  readonly MAX_EVENT_LOOP_DELAY_MS: number = 250;

  /** Proxies whose `X-Forwarded-For` names the client; nobody's by default */
  @ListOf('a comma-separated list of addresses and networks', '10.0.0.0/8,192.168.1.7', isAddressOrNetwork)
  readonly TRUSTED_PROXIES: readonly string[] = [];

  /** Whether clients that ask for too much are refused; true in production, else false */
  @Toggle(true)
  readonly RATE_LIMIT_ENABLED: boolean = false;

  /** In which so many requests are allowed, s; begins with a client's first request */
  @Seconds({ min: 1, max: 3600, example: 60 })
  readonly RATE_LIMIT_WINDOW: number = 60;

  /** Requests of one caller, by the subject of the token, in a window */
  @WholeNumber({ min: 1, max: 100_000_000, example: 6000 })
  readonly RATE_LIMIT_CALLER: number = 6000;

  /** Requests of one address in a window, where no token is needed */
  @WholeNumber({ min: 1, max: 100_000_000, example: 600 })
  readonly RATE_LIMIT_ADDRESS: number = 600;

  /** Wrong credentials from one address in a window */
  @WholeNumber({ min: 1, max: 100_000_000, example: 5 })
  readonly RATE_LIMIT_FAILED_CREDENTIALS: number = 5;

  /**
   * PostgreSQL to use, itself and not a pooler; without it the service runs one of its own in DATA_DIR, in production only where
   * that is set
   */
  @Optional()
  @TextThat('a PostgreSQL URL', 'postgres://app:secret@localhost:5432/learning', isDatabaseUrl)
  @TextWithout(faultOfDatabaseUrl)
  @Rewritten(withCheckedTls)
  readonly DATABASE_URL?: string;

  /**
   * Connections to the database at most, per process, and one more for probes; while it does not answer, another looks for it, and
   * while all are in use, another tells it at times which invalidations are confirmed.
   * One that was made stays until DATABASE_MAX_LIFETIME
   */
  @WholeNumber({ min: 1, max: 500, example: 10 })
  readonly DATABASE_POOL_SIZE: number = 10;

  /** Longest wait for a new connection to the database, ms */
  @WholeNumber({ min: 50, max: 60_000, example: 2000 })
  readonly DATABASE_CONNECT_TIMEOUT_MS: number = 2000;

  /** Longest wait for a connection while all are in use, ms */
  @WholeNumber({ min: 10, max: 60_000, example: 400 })
  readonly DATABASE_QUEUE_TIMEOUT_MS: number = 400;

  /** Longest run of one statement, ms; the server cancels it then */
  @WholeNumber({ min: 50, max: 600_000, example: 2000 })
  readonly DATABASE_STATEMENT_TIMEOUT_MS: number = 2000;

  /** Longest wait for an answer, ms; above the statement timeout, so that the server cancels first */
  @WholeNumber({ min: 50, max: 600_000, example: 2400 })
  readonly DATABASE_QUERY_TIMEOUT_MS: number = 2400;

  /**
   * Longest wait for a lock on a row or table, ms; of no use above the statement timeout. Above the server's own
   * `deadlock_timeout`, 1 s by default: transactions that wait for each other are run again only where that ends first
   */
  @WholeNumber({ min: 10, max: 600_000, example: 1500 })
  readonly DATABASE_LOCK_TIMEOUT_MS: number = 1500;

  /** Longest pause inside a transaction, ms */
  @WholeNumber({ min: 100, max: 600_000, example: 5000 })
  readonly DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS: number = 5000;

  /** Age at which a connection to the database is replaced, s */
  @Seconds({ min: 1, max: 86_400, example: 1800 })
  readonly DATABASE_MAX_LIFETIME: number = 1800;

  /** Folder of the embedded PostgreSQL; used only without DATABASE_URL */
  @Text('./data')
  readonly DATA_DIR: string = './data';

  /** Data to load when the embedded PostgreSQL starts for the first time; `none` in production, else `demo` */
  @OneOf(presets, 'demo')
  readonly DEMO_DATA: (typeof presets)[number] = 'demo';

  /** Redis to cache in; without it the cache lives in this process */
  @Optional()
  @TextThat('a Redis URL', 'redis://localhost:6379/0', isRedisUrl)
  @TextWithout(faultOfRedisUrl)
  readonly REDIS_URL?: string;

  /** Some nodes of a Redis Cluster to cache in, in place of REDIS_URL; the others are found through them */
  @Optional()
  @ListOf('a comma-separated list of host:port', 'redis-1:6379,redis-2:6379', isHostAndPort)
  readonly REDIS_CLUSTER_NODES?: readonly string[];

  /** Sentinels that name the Redis to cache in, in place of REDIS_URL */
  @Optional()
  @ListOf('a comma-separated list of host:port', 'sentinel-1:26379,sentinel-2:26379', isHostAndPort)
  readonly REDIS_SENTINELS?: readonly string[];

  /** What the sentinels call that Redis */
  @Text('mymaster')
  readonly REDIS_SENTINEL_MASTER: string = 'mymaster';

  /** User of Redis, who needs a password; with REDIS_URL it stands there */
  @Optional()
  @Text('app')
  readonly REDIS_USERNAME?: string;

  /** Password of Redis, if REDIS_URL does not carry it */
  @Optional()
  @Text('a long random text')
  readonly REDIS_PASSWORD?: string;

  /** Whether to connect to Redis through TLS; with REDIS_URL its scheme says so */
  @Toggle(false)
  readonly REDIS_TLS: boolean = false;

  /** Number of the database in Redis behind sentinels; with REDIS_URL it stands there */
  @WholeNumber({ min: 0, max: 99_999, example: 0 })
  readonly REDIS_DATABASE: number = 0;

  /** Sockets to Redis at most; on a cluster one for each master at least */
  @WholeNumber({ min: 3, max: 10_000, example: 50 })
  readonly REDIS_MAX_CONNECTIONS: number = 50;

  /** Silence after which a connection to Redis is given up, s; more than 1 counts as 1 */
  @Seconds({ min: 0.1, max: 600, example: 5 })
  readonly REDIS_SOCKET_TIMEOUT: number = 5;

  /** Longest wait for a connection to Redis, s */
  @Seconds({ min: 0.1, max: 600, example: 5 })
  readonly REDIS_SOCKET_CONNECT_TIMEOUT: number = 5;

  /** Whether a read that timed out is tried once more within its deadline */
  @Toggle(true)
  readonly REDIS_RETRY_ON_TIMEOUT: boolean = true;

  /** Whether to spread commands over a pool of connections instead of one */
  @Toggle(false)
  readonly REDIS_POOL: boolean = false;

  /** Longest wait of a request for Redis, ms */
  @WholeNumber({ min: 1, max: 10_000, example: 50 })
  readonly REDIS_COMMAND_TIMEOUT_MS: number = 50;

  /** Whether answers are cached at all */
  @Toggle(true)
  readonly CACHE_ENABLED: boolean = true;

  /** Put before every key as it is, so that services can share one Redis; a separator is a part of it */
  @TextThat('at most 64 letters, digits and any of : . _ -', 'staging:', (text) =>
    /^[\w:.-]{0,64}$/.test(text),
  )
  readonly CACHE_NAMESPACE: string = '';

  /** Memory for cached answers in this process, bytes; 0 leaves them to Redis alone */
  @WholeNumber({ min: 0, max: 64 * 1024 ** 3, example: 67_108_864 })
  readonly CACHE_L1_MAX_BYTES: number = 64 * 1024 * 1024;

  /** Part of the cache's hits that is checked against the source behind the answer; 0 checks none */
  @Share(0.001)
  readonly CACHE_AUDIT_RATE: number = 0.001;

  /** Whether the service counts as not ready while Redis is away or lets the cache keep nothing */
  @Toggle(false)
  readonly CACHE_REQUIRED: boolean = false;

  /** Whether the service stays ready, as degraded, while the database is away */
  @Toggle(false)
  readonly READY_FAIL_OPEN: boolean = false;

  /** Least important lines to write; `info` in production, else `debug` */
  @OneOf(logLevels, 'info', {
    warning: 'warn',
    critical: 'error',
    fatal: 'error',
    notice: 'info',
    trace: 'debug',
  })
  readonly LOG_LEVEL: LogLevel = 'debug';

  /** `text` for people, `json` for machines; `json` in production, else `text` */
  @OneOf(['text', 'json'], 'json')
  readonly LOG_FORMAT: 'text' | 'json' = 'text';

  /** Whether /metrics answers */
  @Toggle(true)
  readonly METRICS_ENABLED: boolean = true;

  /** Debug mode, as /system/info reports it; makes LOG_LEVEL debug unless that is set */
  @Toggle(false)
  readonly DEBUG: boolean = false;

  /** Where the keys that sign callers' tokens are published */
  @Optional()
  @TextThat('an http(s) URL', 'https://login.example.org/.well-known/jwks.json', isUrlOf('http:', 'https:'))
  @TextWithout(faultOfKeysUrl)
  readonly AUTH_JWKS_URL?: string;

  /** Secret that signs callers' tokens (HS256), at least 32 bytes */
  @Optional()
  @TextThat(
    'a secret of at least 32 bytes',
    'the output of: openssl rand -base64 48',
    (text) => Buffer.byteLength(text) >= 32,
  )
  readonly AUTH_JWT_SECRET?: string;

  /** Who must have issued a token (`iss`) */
  @Text('https://login.example.org/')
  readonly AUTH_ISSUER: string = 'ai-native-backend';

  /** For whom a token must be (`aud`) */
  @Text('ai-native-backend')
  readonly AUTH_AUDIENCE: string = 'ai-native-backend';

  /** Language model behind the tutor; only reported by /system/info */
  @Optional()
  @Text('ollama')
  readonly LLM_PROVIDER?: string;

  /** How long to serve on as "not ready" after SIGTERM, ms; 5000 in production, else 0 */
  @WholeNumber({ min: 0, max: 60_000, example: 5000 })
  readonly SHUTDOWN_GRACE_MS: number = 0;

  /** Longest wait for requests in flight after that, ms */
  @WholeNumber({ min: 0, max: 60_000, example: 8000 })
  readonly SHUTDOWN_DRAIN_MS: number = 8000;

  /** Time after which the process exits whatever is left, ms */
  @WholeNumber({ min: 100, max: 120_000, example: 25_000 })
  readonly SHUTDOWN_DEADLINE_MS: number = 25_000;

  get isProduction(): boolean {
    return this.NODE_ENV === 'production';
  }

  get hasRedis(): boolean {
    return (this.REDIS_URL ?? this.REDIS_CLUSTER_NODES ?? this.REDIS_SENTINELS) !== undefined;
  }
}

function isDatabaseUrl(text: string): boolean {
  if (!isUrlOf('postgres:', 'postgresql:')(text)) return false;
  const { username, password, pathname } = new URL(text);
  return [username, password, pathname].every(isDecodable);
}

function isRedisUrl(text: string): boolean {
  if (!isUrlOf('redis:', 'rediss:')(text)) return false;
  const { pathname, username, password } = new URL(text);
  return /^\/?\d{0,5}$/.test(pathname) && [username, password].every(isDecodable);
}

function faultOfRedisUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { search, hash } = new URL(text);
  if (hash !== '')
    return 'must not have a #: in a password it is %23, for example redis://:a%23b@redis:6379/0';
  if (search === '') return undefined;
  return 'must not have parameters, for nothing reads them: TLS is the scheme, and the database the path, for example rediss://app@redis:6379/3';
}

/** Node fetches nothing from such an address, so that every token would be answered with 503. */
function faultOfKeysUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { username, password } = new URL(text);
  if (username === '' && password === '') return undefined;
  return 'must not have a user or a password: keys are public, for example https://login.example.org/.well-known/jwks.json';
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
