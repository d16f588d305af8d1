import supertest from 'supertest';
import { mintToken } from '../../src/access/mint-token.js';
import { readEnvironment } from '../../src/config/read-environment.js';
import { ask as askRedis } from '../support/ask-redis.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import {
  type AppProcess,
  pollUntil,
  type RedisProcess,
  spawnApp,
  startRedis,
  waitFor200,
} from '../support/processes.js';

jest.setTimeout(120_000);

/** The built service, in a process of its own. */
interface Service {
  readonly app: AppProcess;
  readonly url: string;
  readonly request: ReturnType<typeof supertest>;
}

const AUTH_JWT_SECRET = 'a-secret-of-this-test-and-nothing-else';
const LIMIT = 200;
const path = '/api/v3/system/info';

let database: TestDatabase;
let redis: RedisProcess;
let services: Service[];

beforeAll(async () => {
  database = await createTestDatabase();
  redis = await startRedis();
  services = await Promise.all([start({ TRUSTED_PROXIES: '127.0.0.1' }), start({}), start({})]);
});

afterAll(async () => {
  await Promise.all(services.map(({ app }) => app.stop()));
  await redis.stop();
  await database.drop();
});

async function start(env: Record<string, string>): Promise<Service> {
  const app = await spawnApp({
    env: {
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      LOG_LEVEL: 'error',
      // A busy machine must look neither like a slow Redis nor like too much to do.
      REDIS_COMMAND_TIMEOUT_MS: '1000',
      MAX_REQUESTS_IN_FLIGHT: '1000',
      DATABASE_QUEUE_TIMEOUT_MS: '5000',
      AUTH_JWT_SECRET,
      RATE_LIMIT_ENABLED: 'true',
      RATE_LIMIT_CALLER: String(LIMIT),
      RATE_LIMIT_ADDRESS: '20',
      ...env,
    },
  });
  await waitFor200(app, '/health/ready', 60_000);
  const request = supertest(app.url);
  await pollUntil(async () => (await request.get('/health')).body.status === 'healthy', 10_000);
  return { app, url: app.url, request };
}

const bearer = async (sub: string) => {
  const token = await mintToken(readEnvironment({ AUTH_JWT_SECRET }), { role: 'admin', sub, ttl: '5m' });
  return { authorization: `Bearer ${token}` };
};

/** Asks all processes in turn, some at a time, and counts the answers by status. */
async function ask(times: number, headers: Record<string, string>, asked = services) {
  const counts = new Map<number, number>();
  let next = 0;
  const work = async () => {
    for (let n = next++; n < times; n = next++) {
      const answer = await fetch(asked[n % asked.length]!.url + path, { headers });
      await answer.text();
      counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 24 }, work));
  return counts;
}

it('A20: ten times the limit over three processes: the limit is admitted, within 5 %', async () => {
  const counts = await ask(10 * LIMIT, await bearer('GREEDY'));

  const admitted = counts.get(200) ?? 0;
  process.stdout.write(`A20: ${admitted} of ${10 * LIMIT} admitted, the limit being ${LIMIT}\n`);
  expect([...counts.keys()].sort()).toEqual([200, 429]);
  expect(admitted).toBeGreaterThanOrEqual(LIMIT * 0.95);
  expect(admitted).toBeLessThanOrEqual(LIMIT * 1.05);
});

it('A20: what is counted in Redis ends with its window', async () => {
  const keys = (await askRedis(redis, ['KEYS', '*rate:{clients}:*'])).split(',');
  expect(keys.length).toBeGreaterThan(0);
  for (const key of keys) {
    const leftMs = Number(await askRedis(redis, ['PTTL', key]));
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(60_000);
  }
});

it('A20: says when to come back, and leaves others alone', async () => {
  const answer = await services[0]!.request.get(path).set(await bearer('GREEDY'));

  expect(answer.status).toBe(429);
  expect(answer.body.code).toBe('too_many_requests');
  const wait = Number(answer.headers['retry-after']);
  expect(wait).toBeGreaterThan(0);
  expect(wait).toBeLessThanOrEqual(60);
  expect(answer.headers['ratelimit-policy']).toBe(`"caller";q=${LIMIT};w=60`);
  expect(answer.headers.ratelimit).toBe(`"caller";r=0;t=${wait}`);
  expect((await services[0]!.request.get(path).set(await bearer('MODEST'))).status).toBe(200);
});

it('A20: counts refused looks at what is not the caller’s, and hits of the cache, like all else', async () => {
  const headers = await bearer('CURIOUS');
  const [service] = services;
  const course = (id: string) => service!.request.get(`/api/v3/analytics/courses/${id}`).set(headers);

  const statuses = [];
  for (let n = 0; n < LIMIT; n++) statuses.push((await course('NOBODY')).status);

  expect(new Set(statuses)).toEqual(new Set([404]));
  expect((await course('NOBODY')).status).toBe(429);
});

it('A19: the sixth wrong token from an address is refused, a right one never', async () => {
  const { request } = services[0]!;
  const from = (address: string, token: string) =>
    request.get(path).set({ authorization: `Bearer ${token}`, 'x-forwarded-for': address });

  const statuses = [];
  for (let n = 0; n < 7; n++) statuses.push((await from('203.0.113.9', `wrong.token.${n}`)).status);

  expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429]);
  const refused = await from('203.0.113.9', 'wrong');
  expect(refused.headers['ratelimit-policy']).toBe('"failed-credentials";q=5;w=60');
  expect((await from('203.0.113.10', 'wrong')).status).toBe(401);
  const { authorization } = await bearer('RIGHT');
  const right = await request.get(path).set({ authorization, 'x-forwarded-for': '203.0.113.9' });
  expect(right.status).toBe(200);
});

it('believes X-Forwarded-For only of a proxy that it was told to trust', async () => {
  const statuses = async ({ request }: Service) => {
    const found = [];
    for (let n = 0; n < 21; n++) {
      found.push((await request.get('/').set('x-forwarded-for', `203.0.113.${100 + n}`)).status);
    }
    return found;
  };

  expect(new Set(await statuses(services[0]!))).toEqual(new Set([200]));
  expect((await statuses(services[1]!)).at(-1)).toBe(429);
});

it('takes the addresses of one IPv6 network for one client', async () => {
  const { request } = services[0]!;
  const statuses = [];
  for (let n = 0; n < 21; n++) {
    statuses.push((await request.get('/').set('x-forwarded-for', `2001:db8:1:2::${n + 1}`)).status);
  }

  expect(statuses.at(-1)).toBe(429);
});

it('A28: never refuses probes and scrapers', async () => {
  const { request } = services[1]!;
  for (const probe of ['/health', '/health/live', '/health/ready', '/health/startup', '/metrics']) {
    const answers = await Promise.all(Array.from({ length: 25 }, () => request.get(probe)));
    expect([probe, new Set(answers.map(({ status }) => status))]).toEqual([probe, new Set([200])]);
  }
});

it('A20: without Redis each process limits by its own count, and whom it refused it refuses', async () => {
  await redis.stop();
  await pollUntil(async () => (await services[0]!.request.get('/health')).body.status === 'degraded', 10_000);

  expect([...(await ask(30, await bearer('GREEDY'))).keys()]).toEqual([429]);
  const counts = await ask(4 * LIMIT, await bearer('LONELY'), services.slice(0, 1));
  expect(counts.get(200)).toBe(LIMIT);
  expect([...counts.keys()].sort()).toEqual([200, 429]);
});
