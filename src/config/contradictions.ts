import type { BadVariable, Variables } from './configuration-error.js';
import { Environment } from './environment.js';

/** Settings that are valid one by one, and wrong together. `given` holds what was set by hand. */
export function contradictions(environment: Environment, given: Variables): BadVariable[] {
  const bad: BadVariable[] = [];
  const complain = (name: keyof Environment, wrong: string) => bad.push({ name, wrong });

  if (given.AUTH_JWKS_URL && given.AUTH_JWT_SECRET) {
    complain(
      'AUTH_JWT_SECRET',
      'must not be set together with AUTH_JWKS_URL: keep the one that signs your tokens',
    );
  }
  if (!environment.isProduction && !given.AUTH_JWKS_URL && !given.AUTH_JWT_SECRET) {
    // Whoever names an issuer believes that tokens are checked, while access would be open.
    for (const name of ['AUTH_ISSUER', 'AUTH_AUDIENCE'] as const) {
      if (given[name]) complain(name, 'needs AUTH_JWKS_URL or AUTH_JWT_SECRET: without one, access is open');
    }
  }
  if (given.AUTH_JWKS_URL && !given.AUTH_ISSUER) {
    complain('AUTH_ISSUER', 'must be set with AUTH_JWKS_URL, for example https://login.example.org/');
  }
  if (given.AUTH_JWKS_URL && !given.AUTH_AUDIENCE) {
    complain('AUTH_AUDIENCE', 'must be set with AUTH_JWKS_URL, for example ai-native-backend');
  }
  if (environment.HEALTH_PORT === environment.PORT) {
    complain('HEALTH_PORT', 'must not be PORT, for example 8001');
  }
  if (environment.DATABASE_QUERY_TIMEOUT_MS <= environment.DATABASE_STATEMENT_TIMEOUT_MS) {
    complain(
      'DATABASE_QUERY_TIMEOUT_MS',
      'must be above DATABASE_STATEMENT_TIMEOUT_MS, for example 400 more',
    );
  }
  if (
    given.DATABASE_LOCK_TIMEOUT_MS &&
    environment.DATABASE_LOCK_TIMEOUT_MS > environment.DATABASE_STATEMENT_TIMEOUT_MS
  ) {
    complain(
      'DATABASE_LOCK_TIMEOUT_MS',
      'must not be above DATABASE_STATEMENT_TIMEOUT_MS, for example half of it',
    );
  }
  bad.push(...redisContradictions(environment, given));
  if (environment.CACHE_REQUIRED && !environment.CACHE_ENABLED) {
    complain('CACHE_REQUIRED', 'contradicts CACHE_ENABLED=false, for example set it to false');
  }
  if (environment.CACHE_REQUIRED && !environment.hasRedis) {
    complain('CACHE_REQUIRED', 'needs a Redis, for example REDIS_URL=redis://localhost:6379/0');
  }
  if (environment.CACHE_ENABLED && environment.CACHE_L1_MAX_BYTES === 0 && !environment.hasRedis) {
    complain(
      'CACHE_L1_MAX_BYTES',
      'of 0 leaves answers to Redis, so it needs one, for example REDIS_URL=redis://localhost:6379/0',
    );
  }
  if (environment.SHUTDOWN_DEADLINE_MS <= environment.SHUTDOWN_GRACE_MS + environment.SHUTDOWN_DRAIN_MS) {
    complain(
      'SHUTDOWN_DEADLINE_MS',
      'must be above SHUTDOWN_GRACE_MS and SHUTDOWN_DRAIN_MS together, for example 25000',
    );
  }
  return bad;
}

/** What a process in production must have been given for its use. */
export function omissions(
  environment: Environment,
  given: Variables,
  use: { readonly isServing: boolean; readonly usesDatabase: boolean },
): BadVariable[] {
  if (!environment.isProduction) return [];
  const bad: BadVariable[] = [];
  if (use.isServing && !given.AUTH_JWKS_URL && !given.AUTH_JWT_SECRET) {
    bad.push({
      name: 'AUTH_JWKS_URL',
      wrong:
        'or AUTH_JWT_SECRET must be set in production, for example AUTH_JWKS_URL=https://login.example.org/.well-known/jwks.json',
    });
  }
  // Of an empty secret each replica would make a database of its own.
  if (use.usesDatabase && !given.DATABASE_URL && !given.DATA_DIR) {
    bad.push({
      name: 'DATABASE_URL',
      wrong:
        'must be set in production, for example postgres://app:secret@db:5432/learning; or DATA_DIR, for one process that has a PostgreSQL of its own there',
    });
  }
  return bad;
}

const defaults = new Environment();

/** Each says where Redis is; one is enough. */
const redisPlaces = ['REDIS_URL', 'REDIS_CLUSTER_NODES', 'REDIS_SENTINELS'] as const;

function redisContradictions(environment: Environment, given: Variables): BadVariable[] {
  const bad: BadVariable[] = [];
  const complain = (name: keyof Environment, wrong: string) => bad.push({ name, wrong });
  const [place, ...others] = redisPlaces.filter((name) => given[name]);

  for (const other of others) {
    complain(other, `must not be set together with ${place}: keep, for example, only ${place}`);
  }
  if (given.REDIS_PASSWORD && !place) {
    complain('REDIS_URL', 'must be set when REDIS_PASSWORD is, for example redis://localhost:6379/0');
  }
  if (hasTwoPasswords(given)) {
    complain(
      'REDIS_PASSWORD',
      'differs from the password in REDIS_URL: give it in one place, for example REDIS_URL=redis://localhost:6379/0 and REDIS_PASSWORD',
    );
  }
  if (namesUserOnly(given)) {
    complain(
      'REDIS_PASSWORD',
      'must be set with the user of Redis, for example a long random text: without one, Redis takes the service for default',
    );
  }
  const nothing = unsaid(given);
  const isSaid = (name: keyof typeof nothing) => given[name] && environment[name] !== nothing[name];
  for (const name of ['REDIS_USERNAME', 'REDIS_TLS'] as const) {
    if (isSaid(name) && !given.REDIS_CLUSTER_NODES && !given.REDIS_SENTINELS) {
      complain(name, 'is part of REDIS_URL, for example rediss://app@localhost:6379/0');
    }
  }
  for (const name of ['REDIS_SENTINEL_MASTER', 'REDIS_DATABASE'] as const) {
    if (isSaid(name) && !given.REDIS_SENTINELS) {
      complain(name, 'needs REDIS_SENTINELS, for example sentinel-1:26379,sentinel-2:26379');
    }
  }
  return bad;
}

/** Values that say nothing: of lines of .env.example that only lost their "#", and what repeats the URL. */
function unsaid({ REDIS_URL = '' }: Variables) {
  const { REDIS_TLS, REDIS_DATABASE, REDIS_SENTINEL_MASTER } = defaults;
  const url = URL.canParse(REDIS_URL) ? new URL(REDIS_URL) : undefined;
  return {
    REDIS_USERNAME: url && decoded(url.username),
    REDIS_TLS: url ? url.protocol === 'rediss:' : REDIS_TLS,
    REDIS_DATABASE: url ? Number(url.pathname.slice(1)) : REDIS_DATABASE,
    REDIS_SENTINEL_MASTER,
  };
}

function hasTwoPasswords({ REDIS_URL, REDIS_PASSWORD }: Variables): boolean {
  if (!REDIS_PASSWORD || !REDIS_URL || !URL.canParse(REDIS_URL)) return false;
  const { password } = new URL(REDIS_URL);
  return password !== '' && decoded(password) !== REDIS_PASSWORD;
}

/** The client would not log in at all, and Redis's own `default` may do everything unless somebody has seen to it. */
function namesUserOnly({ REDIS_URL = '', REDIS_USERNAME, REDIS_PASSWORD }: Variables): boolean {
  const url = URL.canParse(REDIS_URL) ? new URL(REDIS_URL) : undefined;
  const user = url ? decoded(url.username) : REDIS_USERNAME;
  return Boolean(user) && user !== 'default' && !REDIS_PASSWORD && !url?.password;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
