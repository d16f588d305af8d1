import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { createClient } from 'redis';
import { readEnvironment, variableNames } from '../../src/config/read-environment.js';
import { composeSchema, readComposeFile } from '../support/compose-file.js';
import { startRedis } from '../support/processes.js';

const variables = {
  REDIS_PASSWORD: 'redis-password-of-the-test',
  POSTGRES_PASSWORD: 'postgres-password-of-the-test',
  AUTH_JWT_SECRET: 'a secret of the test that is longer than 32 bytes',
  AUTH_ISSUER: 'https://login.example.org/',
  AUTH_AUDIENCE: 'ai-native-backend',
};
const development = 'docker/docker-compose.yml';
const production = 'docker/docker-compose.production.yml';

/** Starts a Redis with exactly the options of the compose file, and tells what it made of them. */
async function configurationOf(path: string): Promise<Record<string, string>> {
  const [server, ...args] = readComposeFile(path, variables).services.redis?.command ?? [];
  expect(server).toBe('redis-server');
  const redis = await startRedis({ args, persist: true, rights: 'all' });
  const password = args.includes('--requirepass') ? { password: variables.REDIS_PASSWORD } : {};
  const client = createClient({ url: redis.url, ...password });
  try {
    await client.connect();
    return await client.configGet([
      'appendonly',
      'save',
      'stop-writes-on-bgsave-error',
      'maxmemory',
      'maxmemory-policy',
      'timeout',
      'tcp-keepalive',
      'requirepass',
    ]);
  } finally {
    client.destroy();
    await redis.stop();
  }
}

function bytes(size: string | undefined): number {
  const [, number, unit] = /^(\d+)([kmg])b?$/.exec(size ?? '') ?? [];
  return Number(number) * { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }[unit as 'k' | 'm' | 'g'];
}

function milliseconds(period: string | undefined): number {
  return Number(/^(\d+)s$/.exec(period ?? '')?.[1]) * 1000;
}

describe.each([development, production])('%s', (path) => {
  const { services, volumes } = readComposeFile(path, variables);

  it('says nothing that the Compose Specification does not know', () => {
    const validate = new Ajv({ strict: false, allErrors: true }).compile(composeSchema);

    validate(readComposeFile(path, variables));

    expect(validate.errors).toBeNull();
  });

  it('runs the application, PostgreSQL, and Redis 7 on Alpine with a volume', () => {
    expect(Object.keys(services)).toEqual(['app', 'postgres', 'redis']);
    expect(services.redis?.image).toBe('redis:7-alpine');
    expect(services.redis?.volumes).toEqual(['redis_data:/data']);
    expect(Object.keys(volumes)).toContain('redis_data');
  });

  it('asks Redis every 10 s whether it answers, and starts the application without waiting for that', () => {
    expect(services.redis?.healthcheck).toEqual({
      test: ['CMD', 'redis-cli', '-e', 'ping'],
      interval: '10s',
      timeout: '3s',
      retries: 5,
    });
    expect(services.app?.depends_on).toEqual({
      postgres: { condition: 'service_healthy' },
      redis: { condition: 'service_started' },
    });
  });

  it('lets Redis evict before its container is killed', () => {
    const command = services.redis?.command ?? [];
    const maxmemory = command[command.indexOf('--maxmemory') + 1];

    expect(bytes(services.redis?.mem_limit)).toBeGreaterThanOrEqual(1.5 * bytes(maxmemory));
  });

  it('publishes ports on loopback only', () => {
    const published = Object.values(services).flatMap(({ ports = [] }) => ports);

    expect(published.length).toBeGreaterThan(0);
    for (const port of published) {
      expect(port).toMatch(/^127\.0\.0\.1:/);
    }
  });

  it('kills the application only after it would have ended by itself', () => {
    const { environment = {}, stop_grace_period: patience } = services.app!;

    expect(milliseconds(patience)).toBeGreaterThan(readEnvironment(environment).SHUTDOWN_DEADLINE_MS);
  });

  it('gives the application settings that it knows and accepts', () => {
    const given = services.app?.environment ?? {};

    expect(variableNames).toEqual(expect.arrayContaining(Object.keys(given)));
    expect(() => readEnvironment(given)).not.toThrow();
  });
});

it('A36: the application writes nowhere, may do nothing special, and is given its secrets', () => {
  const app = readComposeFile(production, variables).services.app!;

  expect(app).toMatchObject({
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    pids_limit: 100,
    environment: { NODE_ENV: 'production' },
  });
  expect(app).not.toHaveProperty('privileged');
  for (const name of ['POSTGRES_PASSWORD', 'REDIS_PASSWORD', 'AUTH_ISSUER']) {
    expect(() => readComposeFile(production, { ...variables, [name]: '' })).toThrow(name);
  }
});

it('A36: nothing in production is root, has capabilities or gets any, and Redis writes its data alone', () => {
  const { app: _ofImage, ...servers } = readComposeFile(production, variables).services;

  for (const { user, cap_drop, security_opt } of Object.values(servers)) {
    expect({ cap_drop, security_opt }).toEqual({
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    expect(['postgres', 'redis']).toContain(user);
  }
  expect(servers.redis).toMatchObject({ read_only: true });
});

it('lets production have as many connections and requests as fit it', () => {
  const given = { DATABASE_POOL_SIZE: '30', MAX_REQUESTS_IN_FLIGHT: '60' };
  const { environment = {} } = readComposeFile(production, { ...variables, ...given }).services.app!;

  expect(readEnvironment(environment)).toMatchObject({
    DATABASE_POOL_SIZE: 30,
    MAX_REQUESTS_IN_FLIGHT: 60,
  });
});

it('keeps so much of each log in production, and no more', () => {
  const { services } = readComposeFile(production, variables);

  // It rotates; Docker's own default does not.
  for (const { logging } of Object.values(services)) expect(logging).toEqual({ driver: 'local' });
});

it('lets probes in production have a port of their own, which is published to nobody', () => {
  const app = readComposeFile(production, variables).services.app!;
  const dockerfile = readFileSync('docker/Dockerfile', 'utf8');
  const port = app.environment?.HEALTH_PORT;

  expect(port).toMatch(/^\d+$/);
  expect(app.ports?.filter((published) => published.includes(String(port)))).toEqual([]);
  // That of the image, which asks that port.
  expect(app.healthcheck).toBeUndefined();
  expect(dockerfile).toContain('HEALTHCHECK');
});

it('keeps 256 MB in development, evicts the least recently used, and appends to a file', async () => {
  expect(await configurationOf(development)).toMatchObject({
    appendonly: 'yes',
    'stop-writes-on-bgsave-error': 'no',
    maxmemory: String(256 * 2 ** 20),
    'maxmemory-policy': 'allkeys-lru',
    requirepass: '',
  });
});

it('keeps 512 MB behind a password in production, appends to a file and saves snapshots', async () => {
  expect(await configurationOf(production)).toEqual({
    appendonly: 'yes',
    save: '900 1 300 10 60 10000',
    'stop-writes-on-bgsave-error': 'no',
    maxmemory: String(512 * 2 ** 20),
    'maxmemory-policy': 'allkeys-lru',
    timeout: '300',
    'tcp-keepalive': '300',
    requirepass: variables.REDIS_PASSWORD,
  });
});

it.each(['REDIS_PASSWORD', 'POSTGRES_PASSWORD', 'AUTH_ISSUER', 'AUTH_AUDIENCE'])(
  'refuses production without %s',
  (name) => {
    expect(() => readComposeFile(production, { ...variables, [name]: '' })).toThrow(`${name}: set ${name}`);
  },
);
