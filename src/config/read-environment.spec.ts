import { readFileSync } from 'node:fs';
import { Client } from 'pg';
import { ConfigurationError } from './configuration-error.js';
import { Environment } from './environment.js';
import { readEnvironment, variableNames } from './read-environment.js';

const canary = 'canary-0123456789-0123456789-0123456789';

function refusal(variables: Record<string, string>): ConfigurationError {
  try {
    readEnvironment(variables);
  } catch (error) {
    if (error instanceof ConfigurationError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

function refused(variables: Record<string, string>): string[] {
  return refusal(variables).variables.map(({ name }) => name);
}

describe('the settings', () => {
  it('have a default for everything a newcomer would not know', () => {
    const environment = readEnvironment({});

    expect(environment).toMatchObject({
      NODE_ENV: 'development',
      HOST: '0.0.0.0',
      PORT: 8000,
      DATA_DIR: './data',
      REDIS_MAX_CONNECTIONS: 50,
      REDIS_SOCKET_TIMEOUT: 5,
      REDIS_RETRY_ON_TIMEOUT: true,
      CACHE_L1_MAX_BYTES: 67_108_864,
      LOG_LEVEL: 'debug',
      LOG_FORMAT: 'text',
      SHUTDOWN_GRACE_MS: 0,
      RATE_LIMIT_ENABLED: false,
      API_DOCS_ENABLED: true,
    });
    expect(environment.DATABASE_URL).toBeUndefined();
    expect(environment.REDIS_URL).toBeUndefined();
  });

  it('are careful in production, log for machines, and wait for the load balancer', () => {
    const production = { NODE_ENV: 'production', AUTH_JWT_SECRET: canary, DATABASE_URL: 'postgres://h/x' };

    expect(readEnvironment(production)).toMatchObject({
      LOG_LEVEL: 'info',
      LOG_FORMAT: 'json',
      SHUTDOWN_GRACE_MS: 5000,
      RATE_LIMIT_ENABLED: true,
      API_DOCS_ENABLED: false,
      DEMO_DATA: 'none',
    });
  });

  it('read the spellings of the original: INFO, WARNING, True', () => {
    expect(readEnvironment({ LOG_LEVEL: 'INFO', REDIS_RETRY_ON_TIMEOUT: 'False' })).toMatchObject({
      LOG_LEVEL: 'info',
      REDIS_RETRY_ON_TIMEOUT: false,
    });
    expect(readEnvironment({ LOG_LEVEL: 'WARNING' }).LOG_LEVEL).toBe('warn');
  });

  it('take an empty variable for an absent one', () => {
    expect(readEnvironment({ PORT: '', REDIS_URL: ' ', DATABASE_URL: '' })).toMatchObject({ PORT: 8000 });
  });

  it('are production if either name says so', () => {
    const secret = { AUTH_JWT_SECRET: canary, DATABASE_URL: 'postgres://h/x' };

    expect(readEnvironment({ ...secret, ENVIRONMENT: 'production' }).isProduction).toBe(true);
    expect(
      readEnvironment({ ...secret, NODE_ENV: 'development', ENVIRONMENT: 'Production' }).isProduction,
    ).toBe(true);
    expect(
      readEnvironment({ ...secret, NODE_ENV: 'production', ENVIRONMENT: 'development' }).isProduction,
    ).toBe(true);
    expect(readEnvironment({ ENVIRONMENT: 'test' }).NODE_ENV).toBe('test');
  });

  it('tell all bad variables at once, each with what is wrong and an example', () => {
    const { variables, message } = refusal({
      NODE_ENV: 'prod',
      PORT: '80000',
      DATABASE_URL: 'mysql://h/x',
      REDIS_URL: 'localhost:6379',
      REDIS_SOCKET_TIMEOUT: 'soon',
      REDIS_RETRY_ON_TIMEOUT: 'perhaps',
      LOG_LEVEL: 'loud',
      LOG_FORMAT: 'xml',
      CACHE_NAMESPACE: 'a b',
      ALLOWED_ORIGINS: 'http://a.example,nonsense',
      AUTH_JWT_SECRET: 'short',
      BODY_LIMIT: '-1',
      DEMO_DATA: 'all',
    });

    expect(variables.map(({ name }) => name).sort()).toEqual([
      'ALLOWED_ORIGINS',
      'AUTH_JWT_SECRET',
      'BODY_LIMIT',
      'CACHE_NAMESPACE',
      'DATABASE_URL',
      'DEMO_DATA',
      'LOG_FORMAT',
      'LOG_LEVEL',
      'NODE_ENV',
      'PORT',
      'REDIS_RETRY_ON_TIMEOUT',
      'REDIS_SOCKET_TIMEOUT',
      'REDIS_URL',
    ]);
    for (const { name, wrong } of variables) {
      expect(wrong).toMatch(/^must be .+, for example .+$/);
      expect(message).toContain(`  ${name} ${wrong}`);
    }
  });

  it.each([
    ['PORT', '8000.5'],
    ['PORT', '0x10'],
    ['PORT', '8e3'],
    ['DATABASE_POOL_SIZE', '0'],
    ['DATABASE_POOL_SIZE', 'NaN'],
    ['REDIS_SOCKET_TIMEOUT', '-5'],
    ['REDIS_URL', 'redis://h/first'],
    ['REDIS_URL', 'http://h'],
    ['REDIS_URL', 'redis://:100%@h'],
    ['REDIS_CLUSTER_NODES', 'redis-1'],
    ['REDIS_CLUSTER_NODES', 'redis://redis-1:6379'],
    ['REDIS_SENTINELS', 'a:26379,b:99999'],
    ['DATABASE_URL', 'postgres://'],
    ['DATABASE_URL', 'postgres://app:50%off@h/learning'],
    ['DATABASE_URL', 'postgres://a%:41@h/learning'],
    ['REDIS_SENTINELS', ','],
    ['ALLOWED_ORIGINS', 'http://a.example/path'],
    ['AUTH_JWKS_URL', 'file:///etc/passwd'],
    ['TRUSTED_PROXIES', '10.0.0.0/33'],
    ['TRUSTED_PROXIES', '0.0.0.0/0'],
    ['TRUSTED_PROXIES', '::/0'],
    ['TRUSTED_PROXIES', 'proxy.example.org'],
    ['RATE_LIMIT_CALLER', '0'],
    ['CACHE_AUDIT_RATE', '1.5'],
    ['CACHE_AUDIT_RATE', 'few'],
    ['DEBUG', 'perhaps'],
  ])('refuse %s=%s', (name, value) => {
    const issuer = name === 'AUTH_JWKS_URL' ? { AUTH_ISSUER: 'x', AUTH_AUDIENCE: 'x' } : {};
    expect(refused({ [name]: value, ...issuer })).toEqual([name]);
  });

  it.each(['sslrootcert', 'sslcert', 'sslkey'])('name a file that can be read as %s', (name) => {
    const url = (path: string) => ({ DATABASE_URL: `postgres://h/x?sslmode=verify-full&${name}=${path}` });

    for (const [path, code] of [
      ['/nowhere/canary.pem', 'ENOENT'],
      [process.cwd(), 'EISDIR'],
    ] as const) {
      const { message } = refusal(url(path));
      expect(message).toMatch(
        new RegExp(
          `DATABASE_URL must name a file that can be read as ${name} \\(${code}\\), for example ${name}=/`,
        ),
      );
      expect(message).not.toContain(path);
    }
    expect(readEnvironment(url(`${process.cwd()}/package.json`)).DATABASE_URL).toContain('package.json');
  });

  it('refuse parameters of URLs that would win over variables, or that nothing reads', () => {
    for (const parameter of ['statement_timeout=60000', 'pgbouncer=true', 'a%20b=canary']) {
      const { message } = refusal({ DATABASE_URL: `postgres://h/x?sslmode=verify-full&${parameter}` });
      expect(message).toMatch(
        /DATABASE_URL must not have (the parameter \w+|parameters of other names), .* for example /,
      );
      expect(message).not.toMatch(/60000|canary/);
    }
    for (const parameter of ['ssl_cert_reqs=none', 'db=3']) {
      expect(refusal({ REDIS_URL: `rediss://h/3?${parameter}` }).message).toMatch(
        /REDIS_URL must not have parameters, .* for example /,
      );
    }
    const DATABASE_URL =
      'postgres://h/x?application_name=a&options=-c%20search_path%3Da&host=/run/postgresql&sslmode=disable&user=b&channel_binding=require&connect_timeout=10';
    expect(readEnvironment({ DATABASE_URL })).toMatchObject({ DATABASE_URL });
  });

  it.each([
    ['DATABASE_URL', 'postgres://app:12#canary@db:5432/x'],
    ['DATABASE_URL', 'postgres://app:/canary@db:5432/x'],
    ['DATABASE_URL', 'postgres://app:12/can/ary@db:5432/x'],
    ['REDIS_URL', 'redis://app:12#canary@redis:6379'],
  ])(
    'refuse in %s a password that would end too early, and its beginning count as a port: %s',
    (name, url) => {
      const { message } = refusal({ [name]: url });

      expect(message).toMatch(new RegExp(`${name} must not have a #.*: in a password .* for example `));
      expect(message).not.toContain('canary');
    },
  );

  it('refuse keys at an address with a password, from which nothing can be fetched', async () => {
    const identity = { AUTH_ISSUER: 'x', AUTH_AUDIENCE: 'x' };
    const { message } = refusal({ ...identity, AUTH_JWKS_URL: 'http://app:canary@127.0.0.1:1/jwks' });

    expect(message).toMatch(/AUTH_JWKS_URL must not have a user or a password: .* for example /);
    expect(message).not.toContain('canary');
    await expect(fetch('http://app:canary@127.0.0.1:1/jwks')).rejects.toThrow(/includes credentials/);
  });

  it.each(['prefer', 'require', 'verify-ca'])(
    'take sslmode=%s for what it does, of which pg would warn',
    (mode) => {
      const warned = jest.spyOn(process, 'emitWarning').mockReturnValue();
      const settingsOf = (parameters: string) =>
        readEnvironment({ DATABASE_URL: `postgres://a%40b:p%25@h/x?${parameters}` }).DATABASE_URL ?? '';
      try {
        const url = settingsOf(`sslmode=${mode}&application_name=a`);
        expect(url).toBe('postgres://a%40b:p%25@h/x?sslmode=verify-full&application_name=a');
        expect(new Client({ connectionString: url }).ssl).toEqual({});
        expect(warned).not.toHaveBeenCalled();
      } finally {
        warned.mockRestore();
      }

      const compatible = `sslmode=${mode}&uselibpqcompat=true`;
      expect(settingsOf(compatible)).toContain(compatible);
    },
  );

  it('refuse production without a way to check callers', () => {
    const database = { DATABASE_URL: 'postgres://h/x' };

    expect(refused({ NODE_ENV: 'production', ...database })).toEqual(['AUTH_JWKS_URL']);
    expect(refused({ ENVIRONMENT: 'production', AUTH_ISSUER: 'x', ...database })).toEqual(['AUTH_JWKS_URL']);
  });

  it('need neither in production of a process that serves nobody, and are held to the rest', () => {
    const use = { isServing: false };

    expect(readEnvironment({ NODE_ENV: 'production' }, use).isProduction).toBe(true);
    expect(() => readEnvironment({ NODE_ENV: 'production', PORT: 'x' }, use)).toThrow(/ {2}PORT must be/);
    expect(() => readEnvironment({ HEALTH_PORT: '8000' }, use)).toThrow(/ {2}HEALTH_PORT must not be/);
  });

  it('need no way to check callers in production of a process that only fills the database, but the database', () => {
    const use = { isServing: false, usesDatabase: true };
    const production = { NODE_ENV: 'production' };

    expect(() => readEnvironment(production, use)).toThrow(
      /^[^\n]+\n {2}DATABASE_URL must be set [^\n]+\n[^\n]+$/,
    );
    expect(readEnvironment({ ...production, DATABASE_URL: 'postgres://h/x' }, use).isProduction).toBe(true);
  });

  it('refuse production without a database, unless it is to have one of its own', () => {
    const production = { NODE_ENV: 'production', AUTH_JWT_SECRET: canary };

    expect(refused(production)).toEqual(['DATABASE_URL']);
    expect(refused({ ...production, DATABASE_URL: '' })).toEqual(['DATABASE_URL']);
    expect(readEnvironment({ ...production, DATA_DIR: '/srv/data' }).DATABASE_URL).toBeUndefined();
  });

  it('refuse what contradicts itself', () => {
    expect(refused({ AUTH_ISSUER: 'x', AUTH_AUDIENCE: 'x' })).toEqual(['AUTH_ISSUER', 'AUTH_AUDIENCE']);
    expect(refused({ REDIS_URL: 'redis://:one@h', REDIS_PASSWORD: 'two' })).toEqual(['REDIS_PASSWORD']);
    expect(refused({ REDIS_PASSWORD: 'two' })).toEqual(['REDIS_URL']);
    expect(refused({ CACHE_REQUIRED: 'true' })).toEqual(['CACHE_REQUIRED']);
    expect(refused({ CACHE_L1_MAX_BYTES: '0' })).toEqual(['CACHE_L1_MAX_BYTES']);
    for (const useful of [{ REDIS_URL: 'redis://h' }, { CACHE_ENABLED: 'false' }]) {
      expect(readEnvironment({ CACHE_L1_MAX_BYTES: '0', ...useful })).toMatchObject({
        CACHE_L1_MAX_BYTES: 0,
      });
    }
    expect(refused({ PORT: '8001', HEALTH_PORT: '8001' })).toEqual(['HEALTH_PORT']);
    expect(refused({ DATABASE_QUERY_TIMEOUT_MS: '1000' })).toEqual(['DATABASE_QUERY_TIMEOUT_MS']);
    expect(refused({ DATABASE_LOCK_TIMEOUT_MS: '2001' })).toEqual(['DATABASE_LOCK_TIMEOUT_MS']);
    expect(readEnvironment({ DATABASE_STATEMENT_TIMEOUT_MS: '800' }).DATABASE_STATEMENT_TIMEOUT_MS).toBe(800);
    expect(refused({ REDIS_URL: 'redis://h', CACHE_REQUIRED: 'true', CACHE_ENABLED: 'false' })).toEqual([
      'CACHE_REQUIRED',
    ]);
    expect(refused({ SHUTDOWN_DEADLINE_MS: '1000' })).toEqual(['SHUTDOWN_DEADLINE_MS']);
    expect(refused({ AUTH_JWKS_URL: 'https://a.example/jwks' })).toEqual(['AUTH_ISSUER', 'AUTH_AUDIENCE']);
    expect(readEnvironment({ REDIS_URL: 'redis://:p%2Fw@h', REDIS_PASSWORD: 'p/w' }).REDIS_PASSWORD).toBe(
      'p/w',
    );
  });

  it('know one Redis: by its URL, through a cluster or through sentinels', () => {
    const cluster = { REDIS_CLUSTER_NODES: 'a:1, [::1]:2' };
    const sentinels = { REDIS_SENTINELS: 'a:1' };

    expect(readEnvironment(cluster)).toMatchObject({
      REDIS_CLUSTER_NODES: ['a:1', '[::1]:2'],
      hasRedis: true,
    });
    expect(readEnvironment({ ...sentinels, CACHE_REQUIRED: 'true' })).toMatchObject({
      REDIS_SENTINELS: ['a:1'],
      REDIS_SENTINEL_MASTER: 'mymaster',
    });
    expect(readEnvironment({}).hasRedis).toBe(false);
    expect(refused({ REDIS_URL: 'redis://h', ...cluster, ...sentinels })).toEqual([
      'REDIS_CLUSTER_NODES',
      'REDIS_SENTINELS',
    ]);
    expect(refused({ REDIS_URL: 'redis://h', REDIS_USERNAME: 'app', REDIS_TLS: 'true' })).toEqual([
      'REDIS_USERNAME',
      'REDIS_TLS',
    ]);
    expect(refused({ REDIS_URL: 'rediss://h/3', REDIS_TLS: 'false', REDIS_DATABASE: '0' })).toEqual([
      'REDIS_TLS',
      'REDIS_DATABASE',
    ]);
    const url = {
      REDIS_URL: 'rediss://app@h/3',
      REDIS_PASSWORD: 'pw',
      REDIS_TLS: 'true',
      REDIS_DATABASE: '3',
    };
    expect(readEnvironment({ ...url, REDIS_USERNAME: 'app' }).hasRedis).toBe(true);
    expect(refused({ ...url, REDIS_USERNAME: 'other' })).toEqual(['REDIS_USERNAME']);
    expect(refused({ ...cluster, REDIS_DATABASE: '1', REDIS_SENTINEL_MASTER: 'm' })).toEqual([
      'REDIS_SENTINEL_MASTER',
      'REDIS_DATABASE',
    ]);
    const login = { REDIS_PASSWORD: 'pw', REDIS_USERNAME: 'app', REDIS_TLS: 'true' };
    expect(readEnvironment({ ...cluster, ...login })).toMatchObject({
      REDIS_PASSWORD: 'pw',
      REDIS_TLS: true,
    });
  });

  it('of Redis may repeat its URL in other spellings', () => {
    for (const REDIS_TLS of ['0', 'no', 'off', 'False']) {
      expect(readEnvironment({ REDIS_URL: 'redis://h', REDIS_TLS, REDIS_DATABASE: '00' }).hasRedis).toBe(
        true,
      );
      expect(readEnvironment({ REDIS_TLS }).REDIS_TLS).toBe(false);
      expect(refused({ REDIS_URL: 'rediss://h', REDIS_TLS })).toEqual(['REDIS_TLS']);
    }
    for (const REDIS_TLS of ['1', 'Yes', 'ON']) {
      expect(readEnvironment({ REDIS_URL: 'rediss://h/3', REDIS_TLS, REDIS_DATABASE: '03' }).hasRedis).toBe(
        true,
      );
      expect(refused({ REDIS_URL: 'redis://h', REDIS_TLS })).toEqual(['REDIS_TLS']);
    }
    const user = { REDIS_URL: 'redis://app%40x:pw@h', REDIS_USERNAME: 'app@x' };
    expect(readEnvironment(user).REDIS_USERNAME).toBe('app@x');
  });

  it('refuse a user of Redis without a password, who would be taken for another', () => {
    for (const place of [
      { REDIS_URL: 'redis://app@h' },
      { REDIS_URL: 'redis://app@h', REDIS_PASSWORD: '' },
      { REDIS_CLUSTER_NODES: 'a:1', REDIS_USERNAME: 'app' },
      { REDIS_SENTINELS: 'a:1', REDIS_USERNAME: 'app' },
    ]) {
      expect(refused(place)).toEqual(['REDIS_PASSWORD']);
    }
    for (const place of [
      { REDIS_URL: 'redis://default@h' },
      { REDIS_URL: 'redis://app:pw@h' },
      { REDIS_URL: 'redis://app@h', REDIS_PASSWORD: 'pw' },
    ]) {
      expect(readEnvironment(place).hasRedis).toBe(true);
    }
  });

  it('show a namespace with its separator, as it is put before keys that begin with a letter', () => {
    expect(refusal({ CACHE_NAMESPACE: 'a b' }).message).toMatch(/CACHE_NAMESPACE .* for example staging:$/m);
  });

  it('repeat no value when they complain, as any may be a secret', () => {
    const { message } = refusal({
      DATABASE_URL: `mysql://app:${canary}@h/x`,
      REDIS_URL: `redis//:${canary}@h`,
      REDIS_PASSWORD: `${canary}-two`,
      AUTH_JWT_SECRET: 'short-canary',
      AUTH_JWKS_URL: `ftp://${canary}`,
      PORT: canary,
      LOG_LEVEL: canary,
    });

    expect(message).not.toContain('canary');
  });

  it('cannot be changed afterwards', () => {
    const environment: { PORT: number } = readEnvironment({});

    expect(() => {
      environment.PORT = 1;
    }).toThrow(TypeError);
  });
});

describe('.env.example', () => {
  const text = readFileSync(`${process.cwd()}/.env.example`, 'utf8');
  const described = [...text.matchAll(/^# ?([A-Z][A-Z0-9_]+)=(.*)$/gm)].map(([, name, value]) => ({
    name: name!,
    value: value!,
  }));

  it('names every variable of the code, and no other', () => {
    expect(described.map(({ name }) => name).sort()).toEqual([...variableNames].sort());
  });

  it('names the default of every variable that has one', () => {
    const defaults = Object.fromEntries(
      Object.entries(new Environment()) as [string, string | number | boolean | string[]][],
    );

    for (const { name, value } of described) {
      const fallback = defaults[name];
      if (fallback === undefined) continue;
      expect(`${name}=${value}`).toBe(`${name}=${[fallback].flat().join(',')}`);
    }
  });

  it('starts with every default that is no more than taken out of its comment, with a Redis and without', () => {
    // Whoever names who issues tokens believes that they are checked.
    const said = described.filter(
      ({ name, value }) => value !== '' && !/^AUTH_(ISSUER|AUDIENCE)$/.test(name),
    );
    const lines = Object.fromEntries(said.map(({ name, value }) => [name, value]));

    for (const place of [
      {},
      { REDIS_URL: 'redis://h' },
      { REDIS_CLUSTER_NODES: 'a:1' },
      { REDIS_SENTINELS: 'a:1' },
    ]) {
      expect(readEnvironment({ ...lines, ...place })).toMatchObject({ PORT: 8000 });
    }
  });

  it('says of every variable what it means', () => {
    for (const block of text.split('\n\n').filter((part) => /^# ?[A-Z][A-Z0-9_]+=/m.test(part))) {
      expect(block).toMatch(/^# [A-Z0-9"`][\s\S]{15,}\n#[A-Z0-9_]+=.*\n?$/);
    }
  });
});
