import supertest from 'supertest';
import { mintToken } from '../../src/access/mint-token.js';
import { readEnvironment } from '../../src/config/read-environment.js';
import { connectAdmin } from '../support/redis-admin.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import {
  type AppProcess,
  freePort,
  pollUntil,
  type RedisProcess,
  spawnApp,
  startRedis,
  waitFor200,
} from '../support/processes.js';

jest.setTimeout(120_000);

/** What must show nowhere: each is a word of its own, so that a hit tells where it came from. */
const secrets = {
  databasePassword: 'CANARY-of-the-database',
  redisPassword: 'CANARY-of-redis',
  jwtSecret: 'CANARY-that-signs-all-tokens-of-this-test',
  bearer: 'CANARY-bearer',
};
/** What only answers about this very student may tell. */
const student = { full_name: 'Canaria Vogel', email: 'canaria@birds.example' };
const canaries = /canar/i;
const role = `keeper_${process.pid}`;
const users = '/api/v3/users';

let database: TestDatabase;
let redis: RedisProcess;
let app: AppProcess;
let request: ReturnType<typeof supertest>;
let bearers: { admin: string; self: string };

beforeAll(async () => {
  database = await createTestDatabase();
  await database.dataSource.query(
    `CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD '${secrets.databasePassword}'`,
  );
  redis = await startRedis({ password: secrets.redisPassword });
  app = await spawnApp({ env: settings() });
  await waitFor200(app, '/health/ready', 60_000);
  request = supertest(app.url);
  const minting = readEnvironment({ AUTH_JWT_SECRET: secrets.jwtSecret });
  const bearer = async (of: 'admin' | 'student', sub: string) =>
    `Bearer ${await mintToken(minting, { role: of, sub, ttl: '5m' })}`;
  bearers = { admin: await bearer('admin', 'someone'), self: await bearer('student', 'BIRD') };
});

afterAll(async () => {
  await app.stop();
  await redis.stop();
  await database.dataSource.query(
    `REASSIGN OWNED BY ${role} TO CURRENT_USER; DROP OWNED BY ${role}; DROP ROLE ${role}`,
  );
  await database.drop();
});

function settings(): Record<string, string> {
  const url = new URL(database.url);
  url.username = role;
  url.password = secrets.databasePassword;
  return {
    NODE_ENV: 'production',
    LOG_LEVEL: 'debug',
    RATE_LIMIT_ENABLED: 'false',
    API_DOCS_ENABLED: 'true',
    DATABASE_URL: url.href,
    REDIS_URL: redis.url,
    AUTH_JWT_SECRET: secrets.jwtSecret,
  };
}

/** Asks, and gives the status; whatever is no answer about the student is looked through. */
async function told(
  method: 'get' | 'post' | 'delete',
  path: string,
  { bearer = bearers.admin, body }: { bearer?: string; body?: unknown } = {},
): Promise<number> {
  const sent = request[method](path).set('authorization', bearer);
  const answer = await (body === undefined
    ? sent
    : sent.set('content-type', 'application/json').send(body as object));
  const isAnswer = answer.status < 300 && path.startsWith(users);
  if (!isAnswer) expect(JSON.stringify([answer.text, answer.headers])).not.toMatch(canaries);
  return answer.status;
}

it('A29: no error tells a password, a token or whom it is about', async () => {
  const bird = { user_id: 'BIRD', role: 'student', ...student };
  const post = (body: unknown, bearer?: string) => told('post', users, { body, ...(bearer && { bearer }) });

  expect(await post(bird)).toBe(201);
  expect(await post({ ...bird, user_id: 'OTHER' })).toBe(409);
  expect(await post({ ...bird, role: 'canary' })).toBe(400);
  expect(await post({ ...bird, surplus: 'CANARY' })).toBe(400);
  expect(await post(`{"full_name":"${student.full_name}"`)).toBe(400);
  expect(await post({ ...bird, full_name: student.full_name.repeat(200_000) })).toBe(413);
  expect(await told('get', `${users}/BIRD`, { bearer: `Bearer ${secrets.bearer}` })).toBe(401);
  expect(await told('get', `${users}/BIRD`, { bearer: `${bearers.self}x` })).toBe(401);
  expect(await told('get', users, { bearer: `Bearer ${secrets.jwtSecret}` })).toBe(401);
  expect(await post(bird, bearers.self)).toBe(403);
  expect(await told('get', `${users}/NOBODY`)).toBe(404);
  for (const path of ['/', '/health', '/metrics', '/api/v3/openapi.json', '/api/v3/system/info']) {
    expect(await told('get', path)).toBe(200);
  }
  expect(await told('get', '/api/v3/system/redis/stats')).toBe(200);
});

it('A29: no error of the database or of Redis tells a password, a token or whom it is about', async () => {
  const { dataSource } = database;
  await dataSource.query('ALTER TABLE users RENAME COLUMN email TO mail');
  expect(await told('post', users, { body: { user_id: 'LATE', role: 'student', ...student } })).toBe(500);
  await dataSource.query('ALTER TABLE users RENAME COLUMN mail TO email');

  const admin = await connectAdmin(redis);
  await admin.configSet('requirepass', 'another');
  await admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
  await pollUntil(async () => (await told('post', '/api/v3/system/redis/test')) === 503, 10_000);
  await pollUntil(() => app.output().includes('WRONGPASS'), 10_000);
  admin.destroy();

  await dataSource.query(`ALTER ROLE ${role} PASSWORD 'another'`);
  await dataSource.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`);
  await pollUntil(async () => (await told('get', `${users}/BIRD`)) === 503, 20_000);
  expect(await told('get', '/health')).toBeGreaterThan(0);
  expect(await told('get', '/metrics')).toBe(200);
});

it('A29: no line of the log tells a password, a token or whom it is about, from start to end', async () => {
  await app.stop();

  expect(app.output()).toContain('"level":"error"');
  expect(app.output()).toContain('redis://***@127.0.0.1');
  for (const line of app.output().trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('level');
  expect(app.output()).not.toMatch(canaries);
});

it.each([
  [
    'settings that are wrong',
    {
      REDIS_URL: 'redis://:CANARY@:port',
      DATABASE_URL: 'mysql://x:CANARY@y/z',
      AUTH_JWT_SECRET: 'CANARY-short',
    },
  ],
  ['a port that is taken', {}],
])('A29: a start that fails for %s tells no password and no token', async (_, wrong) => {
  const port = 'REDIS_URL' in wrong ? await freePort() : redis.port;
  const failing = await spawnApp({ port, env: { ...settings(), HOST: '127.0.0.1', ...wrong } });

  expect(await failing.ended).toBe(1);
  expect(failing.output()).not.toBe('');
  expect(failing.output()).not.toMatch(canaries);
});
