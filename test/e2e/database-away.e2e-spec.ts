import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { mintToken } from '../../src/access/mint-token.js';
import { CacheService } from '../../src/cache/index.js';
import { expectHit, expectStale } from '../../src/cache/testing/index.js';
import { readEnvironment } from '../../src/config/read-environment.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { figure } from '../support/figures.js';
import { pollUntil, required } from '../support/processes.js';
import { connectAdmin, type RedisAdmin } from '../support/redis-admin.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { peopleOfTwoCourses } from '../support/two-courses.js';

jest.setTimeout(120_000);

const secret = 'a-secret-of-this-test-and-nothing-else';
const namespace = `${randomUUID()}:`;
const course = '/api/v3/analytics/courses/PROG-101';
const student = '/api/v3/analytics/students/STU001';
const stats = '/api/v3/system/stats';

let dataDir: string;
let postgres: EmbeddedPostgres;
let running: TestApp;
let admin: RedisAdmin;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'database-away-'));
  postgres = await startServer();
  running = await startTestApp({
    env: {
      DATABASE_URL: postgres.url,
      REDIS_URL: required('TEST_REDIS_URL'),
      REDIS_COMMAND_TIMEOUT_MS: '1000',
      CACHE_NAMESPACE: namespace,
      // All in Redis, where its age can be set.
      CACHE_L1_MAX_BYTES: '0',
      AUTH_JWT_SECRET: secret,
    },
  });
  admin = await connectAdmin({ adminUrl: required('TEST_REDIS_ADMIN_URL') });
  await peopleOfTwoCourses(running.app.get(DataSource));
  const environment = readEnvironment({ AUTH_JWT_SECRET: secret });
  for (const [sub, role] of [
    ['ADMIN001', 'admin'],
    ['TEACH001', 'teacher'],
    ['STU001', 'student'],
    // Only the identity provider knows them.
    ['IDP001', 'admin'],
  ] as const) {
    tokens[sub] = await mintToken(environment, { sub, role, ttl: '1h' });
  }
  await pollUntil(() => running.app.get(CacheService).stats().isAvailable, 5000);
});

afterAll(async () => {
  await running.close();
  admin.destroy();
  await postgres.stop();
  await rm(dataDir, { recursive: true, force: true });
});

function startServer(): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dataDir, log: () => undefined, settings: { fsync: 'off' } });
}

interface Answer {
  ms: number;
  status: number;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

async function ask(path: string, who = 'ADMIN001'): Promise<Answer> {
  const since = performance.now();
  const answer = (await running.request
    .get(path)
    .auth(tokens[who]!, { type: 'bearer' })) as unknown as Answer;
  const ms = performance.now() - since;
  await running.app.get(CacheService).settle();
  const { status, headers, body } = answer;
  return { ms, status, headers, body };
}

/** As if the entries of a prefix had been stored earlier: so much is left of their TTL and 60 s of grace. */
async function leave(prefix: string, ms: number): Promise<void> {
  const keys = await admin.keys(`${namespace}cache:${prefix}:*`);
  expect(keys).not.toEqual([]);
  for (const key of keys) await admin.pExpire(key, ms);
}

/** What `pg_ctl stop -m immediate` does. */
async function stopServer(): Promise<void> {
  const [file] = await running.app
    .get(DataSource)
    .query<{ text: string }[]>(`SELECT pg_read_file('postmaster.pid') AS text`);
  process.kill(Number(file?.text.split('\n')[0]), 'SIGQUIT');
  await pollUntil(async () => (await running.request.get('/health')).status === 503, 10_000);
}

it('F31: a database that is stopped costs no cached route an answer, for a minute beyond its TTL', async () => {
  const views = [
    [stats, 'ADMIN001'],
    [stats, 'IDP001'],
    [course, 'TEACH001'],
    [student, 'STU001'],
    [student, 'TEACH001'],
  ] as const;
  for (const [path, who] of views) expect((await ask(path, who)).status).toBe(200);
  const submissions = await count('submissions');
  await leave('course_analytics', 50_000);
  await leave('student_risk', 75_000);
  await leave('rights_caller', 59_000);

  await stopServer();

  const answers: Answer[] = [];
  for (let n = 0; n < 40; n++) {
    const [path, who] = views[n % views.length]!;
    answers.push(await ask(path, who));
  }
  const slowestMs = Math.max(...answers.map(({ ms }) => ms));
  figure('F31', 'slowest answer of a cached route, ms', slowestMs, { atMost: 100 });
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  expectHit(await ask(stats));
  const stale = await ask(course, 'TEACH001');
  expectStale(stale);
  expect(stale.headers['cache-status']).toMatch(/^ai-native; (fwd=stale|hit); ttl=-\d+$/);
  // Rights are as old as that; they are not given away.
  expect((await ask(course, 'STU001')).status).toBe(403);
  expect((await ask('/api/v3/analytics/courses/PROG-102', 'TEACH001')).status).toBe(404);

  for (const path of ['/api/v3/courses', '/api/v3/analytics/courses/PROG-101/at/2026-01-01T00:00:00Z']) {
    const { status, headers, body, ms } = await ask(path);
    figure('F31', 'a 503, ms', ms, { atMost: 100 });
    expect([status, body.code, headers['retry-after']]).toEqual([503, 'database_unavailable', '2']);
  }
  const write = await running.request
    .post('/api/v3/submissions')
    .auth(tokens.STU001!, { type: 'bearer' })
    .send({ student_id: 'STU001', activity_id: 'PROG-101-A1' });
  expect([write.status, write.headers['retry-after']]).toEqual([503, '2']);

  // Time is forgiven; an invalidation is not.
  await running.app.get(CacheService).invalidate('course:PROG-101');
  expect((await ask(course, 'TEACH001')).status).toBe(503);
  // Nor is a minute and more.
  await leave('student_risk', 1);
  await pollUntil(async () => (await ask(student, 'STU001')).status === 503, 5000);

  postgres = await startServer();
  await pollUntil(async () => (await ask(course, 'TEACH001')).headers['x-cache'] === 'HIT', 20_000);
  expect(await count('submissions')).toBe(submissions);
});

async function count(table: string): Promise<number> {
  const [row] = await running.app.get(DataSource).query<{ count: string }[]>(`SELECT count(*) FROM ${table}`);
  return Number(row?.count);
}
